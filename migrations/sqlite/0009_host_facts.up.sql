-- The newest figures of each host, written every few seconds: columns, so that lists sort and filter by them
-- without reading JSON. sample is the same in short and JSON, once a minute. alerts, failed_units, updates
-- and reboot_required are null where nothing looks for them. clock_ahead_ms is how far the host's clock was
-- ahead of the database's when it last wrote; SQLite has no clock of its own.
alter table hosts add column facts_time integer;
alter table hosts add column cpu_usage_percent real;
alter table hosts add column load_one real;
alter table hosts add column memory_used_bytes integer;
alter table hosts add column memory_total_bytes integer;
alter table hosts add column uptime_seconds integer;
alter table hosts add column disk_used_percent real;
alter table hosts add column disk_mount_point text;
alter table hosts add column alerts integer;
alter table hosts add column failed_units integer;
alter table hosts add column updates integer;
alter table hosts add column reboot_required integer;
alter table hosts add column clock_ahead_ms integer;

-- Last, as on the other engine.
alter table hosts rename column sample to earlier_sample;
alter table hosts add column sample text;
update hosts set sample = earlier_sample;
alter table hosts drop column earlier_sample;
update hosts set
    facts_time = sample_time,
    cpu_usage_percent = json_extract(sample, '$.cpu_usage_percent'),
    load_one = json_extract(sample, '$.load_one'),
    memory_used_bytes = json_extract(sample, '$.memory_used_bytes'),
    memory_total_bytes = json_extract(sample, '$.memory_total_bytes'),
    uptime_seconds = json_extract(sample, '$.uptime_seconds'),
    disk_used_percent = json_extract(sample, '$.disk_used_percent'),
    disk_mount_point = substr(json_extract(sample, '$.disk_mount_point'), 1, 128)
where sample is not null and json_valid(sample);

-- The last day on which a series had a sample, so that those of containers that are gone need not be
-- looked through, and are deleted when their last row is. Null: not known, as if it were today.
alter table host_series add column last_day integer;
update host_series set last_day = coalesce(
    (select max(time) from host_samples_daily t where t.series_id = host_series.id), 0);
-- Days are summed up when their hours are packed.
update host_series set last_day = max(last_day, open.day)
from (
    select j.value as series_id, max(m.time - m.time % 86400000) as day
    from host_minutes m, json_each(m.series) j group by j.value) open
where open.series_id = host_series.id;
create index host_series_current on host_series (host_id, name, last_day);
create index host_series_last_day on host_series (last_day);
