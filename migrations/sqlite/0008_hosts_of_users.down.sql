-- Without the columns a limited user or key would be let in on every host.
update users set active = false where hosts is not null;
update api_keys set revoked_at = cast(unixepoch('subsec') * 1000 as integer) where hosts is not null and revoked_at is null;
update settings set value = cast(cast(value as bigint) + 1 as text) where name = 'auth_revision';

alter table api_keys drop column hosts;
alter table users drop column hosts;

insert into settings (name, value) select 'forget:' || host_id, note from forgotten_hosts;
drop table forgotten_hosts;

update settings set value = coalesce(
    (select value from settings where name = 'min_compatible_before_0008'), '1')
where name = 'min_compatible';
delete from settings where name = 'min_compatible_before_0008';
