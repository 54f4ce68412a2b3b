//! The table of scopes in the guide, compared with the one list in the code.

use linux_api_wire::api_key::Scope;

use crate::guides::pages::page;

#[test]
fn every_scope_is_described_with_its_role_and_meaning() {
    let text = page("docs/administration.md").text;
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| {
            Scope::ALL
                .iter()
                .any(|scope| line.starts_with(&format!("| `{scope}` |")))
        })
        .collect();
    let expected =
        Scope::ALL.map(|scope| format!("| `{scope}` | {} | {} |", scope.role(), scope.meaning()));
    assert_eq!(rows, expected);
}
