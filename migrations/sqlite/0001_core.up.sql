create table settings (
    name text primary key,
    value text not null
) strict;

-- min_compatible: the lowest schema revision that a program must know to use this database.
-- auth_revision: grows with each change of a user or a key, so that daemons see it.
insert into settings (name, value) values ('min_compatible', '1'), ('auth_revision', '0');

create table users (
    id text primary key,
    name text not null unique,
    role text not null check (role in ('viewer', 'admin')),
    active integer not null check (active in (0, 1)),
    immutable integer not null check (immutable in (0, 1)),
    created_at integer not null,
    last_login integer
) strict;

create index users_created_at on users (created_at, id);

create table api_keys (
    id text primary key,
    user_id text not null references users (id) on delete cascade,
    name text not null,
    hash text not null,
    scopes text not null,
    created_at integer not null,
    expires_at integer,
    last_used integer,
    revoked_at integer
) strict;

create index api_keys_user on api_keys (user_id, created_at, id);

create table audit_log (
    id integer primary key autoincrement,
    time integer not null,
    actor_id text,
    actor text not null,
    via text not null,
    action text not null,
    target text not null,
    result text not null check (result in ('done', 'refused')),
    detail text not null,
    address text,
    request_id text
) strict;

create index audit_log_time on audit_log (time);

create trigger audit_log_no_update before update on audit_log
begin
    select raise(abort, 'audit_log is append-only');
end;

-- Rows go by age alone: whoever deletes them says within the same transaction before which time.
create trigger audit_log_no_delete before delete on audit_log
when not exists (
    select 1 from settings
    where name = 'audit_expired_before' and old.time < cast(value as integer)
)
begin
    select raise(abort, 'audit_log is append-only');
end;

-- "insert or replace" deletes the old row without the trigger above.
create trigger audit_log_no_replace before insert on audit_log
when exists (select 1 from audit_log where id = new.id)
begin
    select raise(abort, 'audit_log is append-only');
end;

create table migration_log (
    id integer primary key autoincrement,
    revision integer not null,
    direction text not null check (direction in ('up', 'down')),
    status text not null check (status in ('done', 'failed')),
    error text,
    started_at integer not null,
    finished_at integer not null,
    program_version text not null
) strict;
