drop table alert_brakes;
drop table alert_deliveries;
drop table alert_messages;
drop table alert_notices;
drop table alert_silences;
drop table alert_states;
drop table alert_rules;

-- A key for nothing but alerts ends, as no scope would mean all of them.
update api_keys set revoked_at = cast(unixepoch('subsec') * 1000 as integer)
where revoked_at is null and scopes <> '' and trim(replace(replace(scopes, 'alerts:read', ''), 'alerts:write', '')) = '';
update api_keys set scopes = case
    when trim(replace(replace(scopes, 'alerts:read', ''), 'alerts:write', '')) = '' then 'keys:self' else trim(replace(replace(scopes, 'alerts:read', ''), 'alerts:write', '')) end
where scopes <> '';
update settings set value = cast(cast(value as integer) + 1 as text) where name = 'auth_revision';

update settings set value = coalesce(
    (select value from settings where name = 'min_compatible_before_0011'), '10')
where name = 'min_compatible';
delete from settings where name = 'min_compatible_before_0011';
