-- Hours that are open, and the days that they are in: an earlier program makes them while it writes.
insert into host_samples_hourly as old (series_id, time, samples, mean, max)
select t.series_id, date_trunc('hour', t.time, 'UTC'), cast(sum(t.samples) as bigint),
    sum(t.mean * t.samples) / sum(t.samples), max(t.max)
from host_samples t
where t.samples > 0 and (t.series_id, date_trunc('hour', t.time, 'UTC')) in (
    select s.id, date_trunc('hour', w.time, 'UTC')
    from host_minutes w join host_series s on s.host_id = w.host_id)
group by 1, 2
on conflict (series_id, time) do update set
    samples = excluded.samples, mean = excluded.mean, max = excluded.max
where old.samples <= excluded.samples;

insert into host_samples_daily as old (series_id, time, samples, mean, max)
select t.series_id, date_trunc('day', t.time, 'UTC'), cast(sum(t.samples) as bigint),
    sum(t.mean * t.samples) / sum(t.samples), max(t.max)
from host_samples_hourly t
where t.samples > 0 and (t.series_id, date_trunc('day', t.time, 'UTC')) in (
    select s.id, date_trunc('day', w.time, 'UTC')
    from host_minutes w join host_series s on s.host_id = w.host_id)
group by 1, 2
on conflict (series_id, time) do update set
    samples = excluded.samples, mean = excluded.mean, max = excluded.max
where old.samples <= excluded.samples;

insert into host_samples_old (series_id, time, samples, mean, max)
select series_id, time, samples, mean, max from host_samples
on conflict (series_id, time) do nothing;

drop function host_samples_between;
drop view host_samples;
drop table host_hours;
drop table host_minutes;
alter index if exists host_samples_old_pkey rename to host_samples_pkey;
alter table host_samples_old rename to host_samples;
update settings set value = '1' where name = 'min_compatible' and value = '6';
