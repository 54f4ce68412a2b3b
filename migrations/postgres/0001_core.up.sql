create table settings (
    name text primary key,
    value text not null
);

-- min_compatible: the lowest schema revision that a program must know to use this database.
-- auth_revision: grows with each change of a user or a key, so that daemons see it.
insert into settings (name, value) values ('min_compatible', '1'), ('auth_revision', '0');

create table users (
    id uuid primary key,
    name text not null unique,
    role text not null check (role in ('viewer', 'admin')),
    active boolean not null,
    immutable boolean not null,
    created_at timestamptz not null,
    last_login timestamptz
);

create index users_created_at on users (created_at, id);

create table api_keys (
    id text primary key,
    user_id uuid not null references users (id) on delete cascade,
    name text not null,
    hash text not null,
    scopes text not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    last_used timestamptz,
    revoked_at timestamptz
);

create index api_keys_user on api_keys (user_id, created_at, id);

create table audit_log (
    id bigint generated always as identity primary key,
    time timestamptz not null,
    actor_id uuid,
    actor text not null,
    via text not null,
    action text not null,
    target text not null,
    result text not null check (result in ('done', 'refused')),
    detail text not null,
    address text,
    request_id text
);

create index audit_log_time on audit_log (time);

-- Rows go by age alone: whoever deletes them says within the same transaction before which time.
create function refuse_audit_change() returns trigger language plpgsql as $$
declare
    expired boolean := false;
begin
    if tg_op = 'DELETE' then
        execute format(
            'select exists (select 1 from %I.settings where name = ''audit_expired_before'''
            ' and $1 < to_timestamp(cast(value as bigint) / 1000.0))', tg_table_schema)
        into expired using old.time;
    end if;
    if expired then
        return old;
    end if;
    raise exception 'audit_log is append-only';
end
$$;

create trigger audit_log_no_change before update or delete on audit_log
    for each row execute function refuse_audit_change();

create trigger audit_log_no_truncate before truncate on audit_log
    for each statement execute function refuse_audit_change();

create table migration_log (
    id bigint generated always as identity primary key,
    revision bigint not null,
    direction text not null check (direction in ('up', 'down')),
    status text not null check (status in ('done', 'failed')),
    error text,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    program_version text not null
);
