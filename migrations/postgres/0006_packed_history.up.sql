-- Minutes of a host's series: wide while their hour is open, packed into one row per series and hour
-- once it is over. A program that writes single rows can't use this schema.
update settings set value = '6' where name = 'min_compatible' and cast(value as bigint) < 6;

-- Rows of earlier programs; the daemon packs them, some at a time, and leaves this table empty.
alter table host_samples rename to host_samples_old;
alter index if exists host_samples_pkey rename to host_samples_old_pkey;

-- What was measured of one host in one minute. The arrays have an element per series.
create table host_minutes (
    host_id text collate "C" not null,
    time timestamptz not null,
    series bigint[] not null,
    samples smallint[] not null,
    mean real[] not null,
    max real[] not null,
    primary key (host_id, time)
);

-- One series over one hour. mean and max have sixty elements, null where there was no reading.
-- samples is how many readings a minute has; where that differs, samples_odd has it for each.
create table host_hours (
    series_id bigint not null,
    time timestamptz not null,
    samples smallint not null,
    samples_odd smallint[],
    mean real[] not null,
    max real[] not null,
    primary key (series_id, time)
);

-- One row per series and minute, of all three.
create view host_samples as
select h.series_id, h.time + (m.place - 1) * interval '1 minute' as time,
    cast(coalesce(m.odd, h.samples) as bigint) as samples, m.mean, m.max
from host_hours h
cross join lateral unnest(h.mean, h.max, h.samples_odd) with ordinality as m(mean, max, odd, place)
where m.mean is not null
union all
select s.id, w.time, cast(w.samples[p.place] as bigint), w.mean[p.place], w.max[p.place]
from host_minutes w
join host_series s on s.host_id = w.host_id
cross join lateral (select array_position(w.series, s.id) as place) p
where p.place is not null
    and not exists (select 1 from host_hours h
        where h.series_id = s.id and h.time = date_trunc('hour', w.time, 'UTC')
            and h.mean[1 + cast(extract(minute from w.time at time zone 'UTC') as integer)] is not null)
    and not exists (select 1 from host_samples_old o where o.series_id = s.id and o.time = w.time)
union all
select o.series_id, o.time, o.samples, cast(o.mean as real), cast(o.max as real)
from host_samples_old o
where not exists (select 1 from host_hours h
    where h.series_id = o.series_id and h.time = date_trunc('hour', o.time, 'UTC')
        and h.mean[1 + cast(extract(minute from o.time at time zone 'UTC') as integer)] is not null);

-- The same from a time on and before another one; reads only the hours between.
create function host_samples_between(since timestamptz, before timestamptz)
returns table (series_id bigint, "time" timestamptz, samples bigint, mean real, max real)
language sql stable
begin atomic
select h.series_id, h.time + (m.place - 1) * interval '1 minute' as time,
    cast(coalesce(m.odd, h.samples) as bigint) as samples, m.mean, m.max
from host_hours h
cross join lateral unnest(h.mean, h.max, h.samples_odd) with ordinality as m(mean, max, odd, place)
where m.mean is not null
    and h.time > since - interval '1 hour' and h.time < before
    and h.time + (m.place - 1) * interval '1 minute' >= since
    and h.time + (m.place - 1) * interval '1 minute' < before
union all
select s.id, w.time, cast(w.samples[p.place] as bigint), w.mean[p.place], w.max[p.place]
from host_minutes w
join host_series s on s.host_id = w.host_id
cross join lateral (select array_position(w.series, s.id) as place) p
where p.place is not null and w.time >= since and w.time < before
    and not exists (select 1 from host_hours h
        where h.series_id = s.id and h.time = date_trunc('hour', w.time, 'UTC')
            and h.mean[1 + cast(extract(minute from w.time at time zone 'UTC') as integer)] is not null)
    and not exists (select 1 from host_samples_old o where o.series_id = s.id and o.time = w.time)
union all
select o.series_id, o.time, o.samples, cast(o.mean as real), cast(o.max as real)
from host_samples_old o
where o.time >= since and o.time < before
    and not exists (select 1 from host_hours h
        where h.series_id = o.series_id and h.time = date_trunc('hour', o.time, 'UTC')
            and h.mean[1 + cast(extract(minute from o.time at time zone 'UTC') as integer)] is not null);
end;
