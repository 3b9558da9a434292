//! The rules' page says what the rules say.

#[test]
fn every_rule_is_documented_in_its_own_words() {
    let page = include_str!("../../cli/docs/rules.md");
    for rule in cutover_check::RULES {
        let heading = format!("### `{}`", rule.id);
        assert!(
            page.contains(&heading),
            "docs/rules.md does not document {}",
            rule.id
        );
        assert!(
            page.contains(rule.help),
            "docs/rules.md gives other help for {}",
            rule.id
        );
    }
    let documented = page.lines().filter(|line| line.starts_with("### ")).count();
    assert_eq!(documented, cutover_check::RULES.len());
}
