//! Text from chains, nodes and files is hostile: made harmless before it reaches a terminal or a page.

use std::fmt::Write as _;

/// Shows text on a terminal: control and bidirectional characters become visible escapes, and
/// anything past `limit` characters is cut with an ellipsis.
pub fn terminal(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(limit));
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            shown.push('…');
            break;
        }
        if is_harmful(c) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Shows text inside HTML or an attribute of it.
pub fn html(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in terminal(text, limit).chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            _ => shown.push(c),
        }
    }
    shown
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(terminal("ok\u{1b}[2J\u{202e}", 80), "ok\\u{1b}[2J\\u{202e}");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(terminal("abcdef", 3), "abc…");
    }

    #[test]
    fn markup_is_text_in_html() {
        assert_eq!(html("<b a='1'>", 80), "&lt;b a=&#39;1&#39;&gt;");
    }
}
