use super::*;
use crate::import::source::Origin;
use linux_api_wire::time::Timestamp;

fn source(origin: Origin, name: &str, role: Role, active: bool) -> SourceUser {
    let id = (origin == Origin::V1).then(UserId::random);
    SourceUser {
        origin,
        source: format!("{}:{name}", origin.as_str()),
        id,
        name: name.to_owned(),
        role,
        active,
        immutable: false,
        created_at: Timestamp::from_millis(1),
        last_login: None,
        key_hash: Some(format!("hash of {} {name}", origin.as_str())),
    }
}

fn user(name: &str, role: Role, active: bool) -> User {
    User {
        id: UserId::random(),
        name: name.to_owned(),
        role,
        active,
        immutable: false,
        hosts: linux_api_wire::host_selector::HostSelector::default(),
        created_at: Timestamp::from_millis(0),
        last_login: None,
    }
}

fn both_admins() -> Vec<SourceUser> {
    vec![
        source(Origin::Legacy, "admin", Role::Admin, true),
        source(Origin::V1, "admin", Role::Admin, true),
        source(Origin::Legacy, "bob", Role::Viewer, true),
    ]
}

fn fates(plan: &Plan) -> Vec<(&str, &Fate)> {
    let users = plan.users.iter();
    users.map(|one| (one.name.as_str(), &one.fate)).collect()
}

#[test]
fn a_name_on_both_sides_is_a_conflict() {
    let plan = plan(both_admins(), &Present::default(), &OnConflict::Stop);
    let conflict = Fate::Conflict("the v1 user of that name".to_owned());
    assert_eq!(
        fates(&plan),
        [
            ("admin", &Fate::Add),
            ("admin", &conflict),
            ("bob", &Fate::Add)
        ]
    );
    assert_eq!(plan.conflicts().len(), 1);
    let here = Present {
        users: vec![user("bob", Role::Viewer, true)],
        ..Present::default()
    };
    let plan = super::plan(both_admins(), &here, &OnConflict::Stop);
    assert_eq!(plan.conflicts().len(), 2);
}

#[test]
fn a_suffix_makes_another_user_of_the_later_one_unless_that_is_taken_too() {
    let choice = OnConflict::Rename("_old".to_owned());
    let plan = plan(both_admins(), &Present::default(), &choice);
    assert_eq!(
        fates(&plan),
        [
            ("admin", &Fate::Add),
            ("admin_old", &Fate::Rename),
            ("bob", &Fate::Add)
        ]
    );
    let import = plan.to_import();
    assert_eq!((import.users.len(), import.keys.len()), (3, 3));
    let here = Present {
        users: vec![user("admin_old", Role::Viewer, true)],
        ..Present::default()
    };
    assert_eq!(
        super::plan(both_admins(), &here, &choice).conflicts().len(),
        1
    );
    let long = OnConflict::Rename("x".repeat(64));
    let long = super::plan(both_admins(), &Present::default(), &long);
    assert_eq!(long.conflicts().len(), 1);
}

#[test]
fn merged_users_share_one_user_and_no_key_gains_rights_by_it() {
    let sources = vec![
        source(Origin::V1, "root_op", Role::Viewer, true),
        source(Origin::Legacy, "root_op", Role::Admin, true),
        source(Origin::V1, "left", Role::Viewer, false),
    ];
    let here = Present {
        users: vec![
            user("root_op", Role::Admin, true),
            user("left", Role::Viewer, true),
        ],
        ..Present::default()
    };
    let plan = plan(sources, &here, &OnConflict::Merge);
    let import = plan.to_import();
    assert!(import.users.is_empty());
    assert_eq!(import.sources.len(), 3);
    let [viewer, left, admin] = &import.keys[..] else {
        panic!("three keys: {:?}", import.keys);
    };
    assert_eq!(viewer.user_id, here.users[0].id);
    assert_eq!(admin.user_id, here.users[0].id);
    assert_eq!(admin.scopes, Scopes::before_acts());
    assert!(viewer.scopes.contains(Scope::HostRead) && !viewer.scopes.contains(Scope::UsersAdmin));
    assert!(left.revoked && !viewer.revoked && !admin.revoked);
}

#[test]
fn what_was_imported_stays_and_what_was_deleted_since_stays_away() {
    let first = plan(both_admins(), &Present::default(), &OnConflict::Merge);
    let import = first.to_import();
    let kept = user("admin", Role::Admin, true);
    let id_of = |source: &str| {
        let found = import.sources.iter().find(|(name, _)| name == source);
        found.unwrap().1
    };
    let present = Present {
        users: vec![User {
            id: id_of("v1:admin"),
            ..kept
        }],
        sources: import.sources.iter().cloned().collect(),
        keys: import.keys.iter().map(|key| key.id.clone()).collect(),
    };
    let again = plan(both_admins(), &present, &OnConflict::Stop);
    assert_eq!(
        fates(&again),
        [
            ("admin", &Fate::Keep),
            ("admin", &Fate::Keep),
            ("bob", &Fate::Gone)
        ]
    );
    let import = again.to_import();
    assert!(import.users.is_empty() && import.keys.is_empty());
}

#[test]
fn odd_names_become_usable_ones() {
    let name = |name: &str| {
        let user = source(Origin::Legacy, name, Role::Viewer, true);
        usable_name(&user)
    };
    assert_eq!(name("Carol.X"), "carol_x");
    assert_eq!(name("jürgen m"), "j_rgen_m");
    assert_eq!(name(&"n".repeat(100)), "n".repeat(64));
    assert_eq!(name(""), "unnamed_");
}
