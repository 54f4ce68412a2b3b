drop table fleet_status_daily;
drop table fleet_stats_daily;
drop table fleet_status_hourly;
drop table fleet_stats_hourly;
drop table fleet_status;
drop table fleet_stats;
drop table fleet_buckets;

update settings set value = (select value from settings where name = 'min_compatible.before_7')
where name = 'min_compatible';
delete from settings where name = 'min_compatible.before_7';
