-- The newest figures of each host, written every few seconds: columns, so that lists sort and filter by them
-- without reading JSON. sample is the same in short and JSON, once a minute. alerts, failed_units, updates
-- and reboot_required are null where nothing looks for them. clock_ahead_ms is how far the host's clock was
-- ahead of the database's when it last wrote.
alter table hosts add column facts_time timestamptz;
alter table hosts add column cpu_usage_percent double precision;
alter table hosts add column load_one double precision;
alter table hosts add column memory_used_bytes bigint;
alter table hosts add column memory_total_bytes bigint;
alter table hosts add column uptime_seconds bigint;
alter table hosts add column disk_used_percent double precision;
alter table hosts add column disk_mount_point text collate "C";
alter table hosts add column alerts bigint;
alter table hosts add column failed_units bigint;
alter table hosts add column updates bigint;
alter table hosts add column reboot_required boolean;
alter table hosts add column clock_ahead_ms bigint;

-- Last, because the log holds a row from the first to the last byte that changed: 273 bytes for each
-- write of the figures in place of 461.
alter table hosts rename column sample to earlier_sample;
alter table hosts add column sample text;
update hosts set
    sample = earlier_sample,
    facts_time = sample_time,
    cpu_usage_percent = cast(cast(earlier_sample as json) ->> 'cpu_usage_percent' as double precision),
    load_one = cast(cast(earlier_sample as json) ->> 'load_one' as double precision),
    memory_used_bytes =
        cast(cast(cast(earlier_sample as json) ->> 'memory_used_bytes' as numeric) as bigint),
    memory_total_bytes =
        cast(cast(cast(earlier_sample as json) ->> 'memory_total_bytes' as numeric) as bigint),
    uptime_seconds = cast(cast(cast(earlier_sample as json) ->> 'uptime_seconds' as numeric) as bigint),
    disk_used_percent = cast(cast(earlier_sample as json) ->> 'disk_used_percent' as double precision),
    disk_mount_point = left(cast(earlier_sample as json) ->> 'disk_mount_point', 128)
where earlier_sample is not null;
alter table hosts drop column earlier_sample;

-- The last day on which a series had a sample, so that those of containers that are gone need not be
-- looked through, and are deleted when their last row is. Null: not known, as if it were today.
alter table host_series add column last_day timestamptz;
update host_series set last_day = coalesce(newest.time, to_timestamp(0))
from host_series s left join (
    select series_id, max(time) as time from host_samples_daily group by series_id) newest
    on newest.series_id = s.id
where s.id = host_series.id;
-- Days are summed up when their hours are packed.
update host_series set last_day = greatest(last_day, open.day)
from (
    select series_id, max(date_trunc('day', m.time, 'UTC')) as day
    from host_minutes m, unnest(m.series) series_id group by series_id) open
where open.series_id = host_series.id;
create index host_series_current on host_series (host_id, name, last_day);
create index host_series_last_day on host_series (last_day);
