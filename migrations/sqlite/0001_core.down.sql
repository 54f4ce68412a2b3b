drop table migration_log;
drop trigger audit_log_no_replace;
drop trigger audit_log_no_delete;
drop trigger audit_log_no_update;
drop table audit_log;
drop table api_keys;
drop table users;
drop table settings;
