alter table hosts drop column acts_copied;

-- What was begun has no result that is known here, and is not lost.
drop trigger audit_log_no_update;
drop index audit_log_act_line;
alter table audit_log drop column act_line;
alter table audit_log drop column act_id;
alter table audit_log drop column host_id;
alter table audit_log rename column result to earlier_result;
alter table audit_log add column result text not null default 'done' check (result in ('done', 'refused'));
update audit_log set
    result = case earlier_result when 'begun' then 'done' when 'failed' then 'refused' else earlier_result end,
    detail = case when earlier_result in ('begun', 'failed') then earlier_result || ': ' || detail else detail end;
alter table audit_log drop column earlier_result;
create trigger audit_log_no_update before update on audit_log
begin
    select raise(abort, 'audit_log is append-only');
end;

-- Operators read on. A key for nothing but logs and acts ends, as no scope would mean all of them.
update api_keys set
    revoked_at = cast(unixepoch('subsec') * 1000 as integer)
where revoked_at is null and scopes <> ''
    and trim(replace(replace(replace(scopes, 'logs:read', ''), 'processes:act', ''), 'units:act', '')) = '';
update api_keys set scopes = case
    when trim(replace(replace(replace(scopes, 'logs:read', ''), 'processes:act', ''), 'units:act', '')) = ''
    then 'keys:self'
    else trim(replace(replace(replace(scopes, 'logs:read', ''), 'processes:act', ''), 'units:act', '')) end
where scopes <> '';
update settings set value = cast(cast(value as integer) + 1 as text) where name = 'auth_revision';
alter table users rename column role to earlier_role;
alter table users add column role text not null default 'viewer' check (role in ('viewer', 'admin'));
update users set role = case earlier_role when 'operator' then 'viewer' else earlier_role end;
alter table users drop column earlier_role;

update settings set value = coalesce(
    (select value from settings where name = 'min_compatible_before_0010'), '1')
where name = 'min_compatible';
delete from settings where name = 'min_compatible_before_0010';
