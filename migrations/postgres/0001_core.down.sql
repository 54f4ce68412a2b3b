drop table migration_log;
drop table audit_log;
drop function refuse_audit_change();
drop table api_keys;
drop table users;
drop table settings;
