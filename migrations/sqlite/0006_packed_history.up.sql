-- Minutes of a host's series: wide while their hour is open, packed into one row per series and hour
-- once it is over. A program that writes single rows can't use this schema.
update settings set value = '6' where name = 'min_compatible' and cast(value as integer) < 6;

-- Rows of earlier programs; the daemon packs them, some at a time, and leaves this table empty.
alter table host_samples rename to host_samples_old;

-- What was measured of one host in one minute. The lists, as JSON, have an element per series.
create table host_minutes (
    host_id text not null,
    time integer not null,
    series text not null,
    samples text not null,
    mean text not null,
    max text not null,
    primary key (host_id, time)
) strict;

-- One series over one hour. mean and max are lists of sixty, null where there was no reading.
-- samples is how many readings a minute has; where that differs, samples_odd has it for each.
create table host_hours (
    series_id integer not null,
    time integer not null,
    samples integer not null,
    samples_odd text,
    mean text not null,
    max text not null,
    primary key (series_id, time)
) strict;

-- One row per series and minute, of all three.
create view host_samples as
select h.series_id, h.time + m.key * 60000 as time,
    coalesce(json_extract(h.samples_odd, '$[' || m.key || ']'), h.samples) as samples,
    cast(m.value as real) as mean, cast(json_extract(h.max, '$[' || m.key || ']') as real) as max
from host_hours h join json_each(h.mean) m
where m.value is not null
union all
select p.value, w.time, json_extract(w.samples, '$[' || p.key || ']'),
    cast(json_extract(w.mean, '$[' || p.key || ']') as real),
    cast(json_extract(w.max, '$[' || p.key || ']') as real)
from host_minutes w join json_each(w.series) p
where not exists (select 1 from host_hours h
        where h.series_id = p.value and h.time = w.time - w.time % 3600000
            and json_extract(h.mean, '$[' || (w.time % 3600000 / 60000) || ']') is not null)
    and not exists (select 1 from host_samples_old o where o.series_id = p.value and o.time = w.time)
union all
select o.series_id, o.time, o.samples, o.mean, o.max
from host_samples_old o
where not exists (select 1 from host_hours h
    where h.series_id = o.series_id and h.time = o.time - o.time % 3600000
        and json_extract(h.mean, '$[' || (o.time % 3600000 / 60000) || ']') is not null);
