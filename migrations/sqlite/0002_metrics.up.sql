-- One row per host whose daemon writes to this database. labels is a JSON object of texts; sample is
-- the newest reading as JSON.
create table hosts (
    id text primary key,
    name text not null,
    labels text not null,
    version text not null,
    instance_id text not null,
    first_seen integer not null,
    last_seen integer not null,
    sample_time integer,
    sample text
) strict;

-- Times are the beginning of a bucket. sum, min and max are seconds. sketch is described in
-- docs/metrics-format.md. An instance is one start of one daemon; a row holds the whole state of its
-- bucket, so writing it again replaces it.
create table request_stats (
    time integer not null,
    route text not null,
    method text not null,
    host_id text not null,
    instance_id text not null,
    requests integer not null,
    sum real not null,
    min real not null,
    max real not null,
    sketch blob not null,
    primary key (time, route, method, instance_id)
) strict, without rowid;

create index request_stats_route on request_stats (route, time);

create table request_status (
    time integer not null,
    route text not null,
    method text not null,
    status integer not null,
    host_id text not null,
    instance_id text not null,
    count integer not null,
    primary key (time, route, method, status, instance_id)
) strict, without rowid;

create index request_status_route on request_status (route, time);

create table request_stats_hourly (
    time integer not null,
    route text not null,
    method text not null,
    host_id text not null,
    instance_id text not null,
    requests integer not null,
    sum real not null,
    min real not null,
    max real not null,
    sketch blob not null,
    primary key (time, route, method, instance_id)
) strict, without rowid;

create index request_stats_hourly_route on request_stats_hourly (route, time);

create table request_status_hourly (
    time integer not null,
    route text not null,
    method text not null,
    status integer not null,
    host_id text not null,
    instance_id text not null,
    count integer not null,
    primary key (time, route, method, status, instance_id)
) strict, without rowid;

create index request_status_hourly_route on request_status_hourly (route, time);

create table request_stats_daily (
    time integer not null,
    route text not null,
    method text not null,
    host_id text not null,
    instance_id text not null,
    requests integer not null,
    sum real not null,
    min real not null,
    max real not null,
    sketch blob not null,
    primary key (time, route, method, instance_id)
) strict, without rowid;

create index request_stats_daily_route on request_stats_daily (route, time);

create table request_status_daily (
    time integer not null,
    route text not null,
    method text not null,
    status integer not null,
    host_id text not null,
    instance_id text not null,
    count integer not null,
    primary key (time, route, method, status, instance_id)
) strict, without rowid;

create index request_status_daily_route on request_status_daily (route, time);

-- What is measured, once per host and labels. labels is like {mount_point="/"}, or empty.
create table host_series (
    id integer primary key autoincrement,
    host_id text not null,
    name text not null,
    labels text not null,
    unique (host_id, name, labels)
) strict;

-- mean and max of the readings of a bucket; samples is how many readings there were.
create table host_samples (
    series_id integer not null,
    time integer not null,
    samples integer not null,
    mean real not null,
    max real not null,
    primary key (series_id, time)
) strict, without rowid;

create table host_samples_hourly (
    series_id integer not null,
    time integer not null,
    samples integer not null,
    mean real not null,
    max real not null,
    primary key (series_id, time)
) strict, without rowid;

create table host_samples_daily (
    series_id integer not null,
    time integer not null,
    samples integer not null,
    mean real not null,
    max real not null,
    primary key (series_id, time)
) strict, without rowid;

-- Work that one daemon among many does: whoever holds the row, until it expires.
create table leases (
    name text primary key,
    holder text not null,
    expires_at integer not null
) strict;
