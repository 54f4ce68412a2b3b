-- A role that reads what the boards for Grafana show, and nothing else: no users, no keys, no audit log.
-- Run it in linux-api's database as a superuser, then give the role a password:
--   psql --dbname linux_api --command '\password linux_api_grafana'
create role linux_api_grafana login connection limit 8;
alter role linux_api_grafana set statement_timeout = '30s';
alter role linux_api_grafana set default_transaction_read_only = on;
grant usage on schema linux_api to linux_api_grafana;
grant select on
    linux_api.hosts, linux_api.host_series, linux_api.host_minutes, linux_api.host_hours,
    linux_api.host_samples_old, linux_api.host_samples, linux_api.host_samples_hourly,
    linux_api.host_samples_daily, linux_api.request_stats, linux_api.request_stats_hourly,
    linux_api.request_stats_daily, linux_api.request_status, linux_api.request_status_hourly,
    linux_api.request_status_daily, linux_api.leases, linux_api.migration_log, linux_api.alert_states,
    linux_api.alert_notices, linux_api.alert_deliveries
to linux_api_grafana;
