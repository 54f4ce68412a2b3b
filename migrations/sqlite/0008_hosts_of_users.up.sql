-- Labels of the hosts that a user or a key is limited to, such as env=dev,role=web; null for any host.
alter table users add column hosts text;
alter table api_keys add column hosts text;

-- Hosts that were forgotten, and what is left to do for each, as JSON. A table of its own: a daemon that
-- may not change settings does this work all the same.
create table forgotten_hosts (
    host_id text primary key,
    note text not null
) strict;

insert into forgotten_hosts (host_id, note)
select substr(name, 8), value from settings where name like 'forget:%';
delete from settings where name like 'forget:%';

-- A program that does not know the columns would let limited users and keys in on every host.
insert into settings (name, value)
select 'min_compatible_before_0008', value from settings where name = 'min_compatible';
update settings set value = '8' where name = 'min_compatible';
