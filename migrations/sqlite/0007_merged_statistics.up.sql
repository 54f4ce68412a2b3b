-- The requests of all hosts together, so that a list of a large fleet reads one row where it would read one
-- per host. One daemon makes these rows of those in request_stats and request_status, once a bucket is over;
-- fleet_buckets says of which buckets they are whole. A row of a bucket that is not listed there means
-- nothing. seconds is how long the bucket is: 60, 3600 or 86400.
create table fleet_buckets (
    seconds integer not null,
    time integer not null,
    stats_rows integer not null,
    status_rows integer not null,
    primary key (seconds, time)
) strict, without rowid;

-- As request_stats, without hosts and instances. The sketch holds imported requests too, as far as their
-- percentiles tell; imported says that there are some. p50, p95 and p99 are theirs when one imported row is
-- all that there is.
create table fleet_stats (
    time integer not null,
    route text not null,
    method text not null,
    requests integer not null,
    sum real not null,
    min real not null,
    max real not null,
    sketch blob not null,
    imported integer not null,
    p50 real,
    p95 real,
    p99 real,
    primary key (time, route, method)
) strict, without rowid;

create index fleet_stats_route on fleet_stats (route, time);
create index fleet_stats_totals on fleet_stats (time, method, requests, sum);

create table fleet_status (
    time integer not null,
    route text not null,
    method text not null,
    status integer not null,
    count integer not null,
    primary key (time, route, method, status)
) strict, without rowid;

create index fleet_status_route on fleet_status (route, time);
create index fleet_status_rare on fleet_status (time) where status <> 200;

create table fleet_stats_hourly (
    time integer not null,
    route text not null,
    method text not null,
    requests integer not null,
    sum real not null,
    min real not null,
    max real not null,
    sketch blob not null,
    imported integer not null,
    p50 real,
    p95 real,
    p99 real,
    primary key (time, route, method)
) strict, without rowid;

create index fleet_stats_hourly_route on fleet_stats_hourly (route, time);
create index fleet_stats_hourly_totals on fleet_stats_hourly (time, method, requests, sum);

create table fleet_status_hourly (
    time integer not null,
    route text not null,
    method text not null,
    status integer not null,
    count integer not null,
    primary key (time, route, method, status)
) strict, without rowid;

create index fleet_status_hourly_route on fleet_status_hourly (route, time);
create index fleet_status_hourly_rare on fleet_status_hourly (time) where status <> 200;

create table fleet_stats_daily (
    time integer not null,
    route text not null,
    method text not null,
    requests integer not null,
    sum real not null,
    min real not null,
    max real not null,
    sketch blob not null,
    imported integer not null,
    p50 real,
    p95 real,
    p99 real,
    primary key (time, route, method)
) strict, without rowid;

create index fleet_stats_daily_route on fleet_stats_daily (route, time);
create index fleet_stats_daily_totals on fleet_stats_daily (time, method, requests, sum);

create table fleet_status_daily (
    time integer not null,
    route text not null,
    method text not null,
    status integer not null,
    count integer not null,
    primary key (time, route, method, status)
) strict, without rowid;

create index fleet_status_daily_route on fleet_status_daily (route, time);
create index fleet_status_daily_rare on fleet_status_daily (time) where status <> 200;

-- A program that does not know these tables would add requests to a bucket and leave it listed.
insert into settings (name, value)
select 'min_compatible.before_7', value from settings where name = 'min_compatible';
update settings set value = '7' where name = 'min_compatible';
