alter table hosts drop column acts_copied;

-- What was begun has no result that is known here, and is not lost.
alter table audit_log disable trigger audit_log_no_change;
drop index audit_log_act_line;
alter table audit_log drop column act_line;
alter table audit_log drop column act_id;
alter table audit_log drop column host_id;
update audit_log set
    result = case result when 'begun' then 'done' else 'refused' end,
    detail = result || ': ' || detail
where result in ('begun', 'failed');
alter table audit_log drop constraint audit_log_result_check;
alter table audit_log add constraint audit_log_result_check check (result in ('done', 'refused'));
alter table audit_log enable trigger audit_log_no_change;

-- Operators read on. A key for nothing but logs and acts ends, as no scope would mean all of them.
update api_keys set
    revoked_at = now()
where revoked_at is null and scopes <> ''
    and trim(replace(replace(replace(scopes, 'logs:read', ''), 'processes:act', ''), 'units:act', '')) = '';
update api_keys set scopes = case
    when trim(replace(replace(replace(scopes, 'logs:read', ''), 'processes:act', ''), 'units:act', '')) = ''
    then 'keys:self'
    else trim(replace(replace(replace(scopes, 'logs:read', ''), 'processes:act', ''), 'units:act', '')) end
where scopes <> '';
update settings set value = cast(cast(value as bigint) + 1 as text) where name = 'auth_revision';
update users set role = 'viewer' where role = 'operator';
alter table users drop constraint users_role_check;
alter table users add constraint users_role_check check (role in ('viewer', 'admin'));

update settings set value = coalesce(
    (select value from settings where name = 'min_compatible_before_0010'), '1')
where name = 'min_compatible';
delete from settings where name = 'min_compatible_before_0010';
