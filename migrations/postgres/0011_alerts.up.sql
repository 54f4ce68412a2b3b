-- Alerts. Rules that were made by users; those of files and of the program itself are not here.
create table alert_rules (
    name text collate "C" primary key,
    -- as it was written, JSON
    definition text not null,
    updated_at timestamptz not null,
    updated_by text not null
);

-- What is remembered of an instance of a rule on a host; one that is well has no row. The id follows from
-- rule, host and labels. version grows with each change, so that no writer undoes what another did.
create table alert_states (
    id text collate "C" primary key,
    version bigint not null,
    rule text collate "C" not null,
    host_id text collate "C" not null,
    status text not null check (status in ('ok', 'pending', 'firing', 'clearing', 'unknown')),
    severity text check (severity in ('warning', 'critical')),
    since timestamptz,
    fired_at timestamptz,
    evaluated_at timestamptz not null,
    -- rule, host and labels, JSON
    instance text not null,
    -- all of it, JSON
    state text not null
);
create index alert_states_host on alert_states (host_id);

create table alert_silences (
    id text collate "C" primary key,
    until_time timestamptz,
    -- all of it, JSON
    silence text not null
);

-- What changed. A notice waits until it is part of a message, or need not be sent.
create table alert_notices (
    id text collate "C" primary key,
    time timestamptz not null,
    rule text collate "C" not null,
    host_id text collate "C" not null,
    kind text not null,
    severity text not null check (severity in ('warning', 'critical')),
    -- all of it, JSON
    notice text not null,
    state text not null check (state in ('waiting', 'sent', 'dropped')),
    message_id text collate "C"
);
create index alert_notices_time on alert_notices (time, id);
create index alert_notices_host on alert_notices (host_id, time);
create index alert_notices_waiting on alert_notices (time) where state = 'waiting';

-- What is sent together. group_key is the rule, the severity and the channels of the rule, JSON.
create table alert_messages (
    id text collate "C" primary key,
    made_at timestamptz not null,
    group_key text collate "C" not null,
    -- all of it, JSON
    message text not null
);
create index alert_messages_made_at on alert_messages (made_at);

-- Messages on their way to channels, and what became of them.
create table alert_deliveries (
    message_id text collate "C" not null references alert_messages (id) on delete cascade,
    channel text collate "C" not null,
    state text not null check (state in ('waiting', 'delivered', 'gone', 'given_up')),
    attempts integer not null,
    -- when it is tried again; absent when it is not
    next_attempt timestamptz,
    updated_at timestamptz not null,
    -- the last status of HTTP, and what went wrong last
    status integer,
    error text,
    primary key (message_id, channel)
);
create index alert_deliveries_due on alert_deliveries (next_attempt) where state = 'waiting';

-- The automatic acts of a host, see the brake of remediation.
create table alert_brakes (
    host_id text collate "C" primary key,
    -- JSON
    brake text not null
);

-- A program that does not know the scopes could read no key that names one.
insert into settings (name, value)
select 'min_compatible_before_0011', value from settings where name = 'min_compatible';
update settings set value = '11' where name = 'min_compatible';
