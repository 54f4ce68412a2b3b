-- Alerts. Rules that were made by users; those of files and of the program itself are not here.
create table alert_rules (
    name text primary key,
    -- as it was written, JSON
    definition text not null,
    updated_at integer not null,
    updated_by text not null
) strict;

-- What is remembered of an instance of a rule on a host; one that is well has no row. The id follows from
-- rule, host and labels. version grows with each change, so that no writer undoes what another did.
create table alert_states (
    id text primary key,
    version integer not null,
    rule text not null,
    host_id text not null,
    status text not null check (status in ('ok', 'pending', 'firing', 'clearing', 'unknown')),
    severity text check (severity in ('warning', 'critical')),
    since integer,
    fired_at integer,
    evaluated_at integer not null,
    -- rule, host and labels, JSON
    instance text not null,
    -- all of it, JSON
    state text not null
) strict;
create index alert_states_host on alert_states (host_id);

create table alert_silences (
    id text primary key,
    until_time integer,
    -- all of it, JSON
    silence text not null
) strict;

-- What changed. A notice waits until it is part of a message, or need not be sent.
create table alert_notices (
    id text primary key,
    time integer not null,
    rule text not null,
    host_id text not null,
    kind text not null,
    severity text not null check (severity in ('warning', 'critical')),
    -- all of it, JSON
    notice text not null,
    state text not null check (state in ('waiting', 'sent', 'dropped')),
    message_id text
) strict;
create index alert_notices_time on alert_notices (time, id);
create index alert_notices_host on alert_notices (host_id, time);
create index alert_notices_waiting on alert_notices (time) where state = 'waiting';

-- What is sent together. group_key is the rule, the severity and the channels of the rule, JSON.
create table alert_messages (
    id text primary key,
    made_at integer not null,
    group_key text not null,
    -- all of it, JSON
    message text not null
) strict;
create index alert_messages_made_at on alert_messages (made_at);

-- Messages on their way to channels, and what became of them.
create table alert_deliveries (
    message_id text not null references alert_messages (id) on delete cascade,
    channel text not null,
    state text not null check (state in ('waiting', 'delivered', 'gone', 'given_up')),
    attempts integer not null,
    -- when it is tried again; absent when it is not
    next_attempt integer,
    updated_at integer not null,
    -- the last status of HTTP, and what went wrong last
    status integer,
    error text,
    primary key (message_id, channel)
) strict;
create index alert_deliveries_due on alert_deliveries (next_attempt) where state = 'waiting';

-- The automatic acts of a host, see the brake of remediation.
create table alert_brakes (
    host_id text primary key,
    -- JSON
    brake text not null
) strict;

-- A program that does not know the scopes could read no key that names one.
insert into settings (name, value)
select 'min_compatible_before_0011', value from settings where name = 'min_compatible';
update settings set value = '11' where name = 'min_compatible';
