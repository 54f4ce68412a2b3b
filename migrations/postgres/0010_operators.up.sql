-- Operators, between viewers and admins.
alter table users drop constraint users_role_check;
alter table users add constraint users_role_check check (role in ('viewer', 'operator', 'admin'));

-- No scope in a key means all that there are, and there are more of them now. Keys that were made before keep
-- to those that there were: none of them acts on a host, or reads logs, because of an upgrade.
update api_keys set scopes = 'host:read metrics:read stats:read keys:self users:admin audit:read'
where scopes = '';
update settings set value = cast(cast(value as bigint) + 1 as text)
where name = 'auth_revision' and exists (select 1 from api_keys);

-- Acts on hosts: a row before (begun) and one with the outcome (done, failed or refused). host_id is where,
-- act_id names the request to the executor, act_line the line of its log that the row was copied from.
alter table audit_log drop constraint audit_log_result_check;
alter table audit_log add constraint audit_log_result_check
    check (result in ('done', 'refused', 'begun', 'failed'));
alter table audit_log add column host_id text collate "C";
alter table audit_log add column act_id text collate "C";
alter table audit_log add column act_line text collate "C";
create unique index audit_log_act_line on audit_log (host_id, act_line) where act_line is not null;

-- The last line of the executor's log that was copied, as NUMBER:HASH.
alter table hosts add column acts_copied text collate "C";

-- A program that does not know the role could read no user that has it.
insert into settings (name, value)
select 'min_compatible_before_0010', value from settings where name = 'min_compatible';
update settings set value = '10' where name = 'min_compatible';
