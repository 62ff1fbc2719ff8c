//! Texts as the services take them, letter by letter: nothing in them is a command.

/// Discord's Markdown: what means something has a backslash before it, and no name is called.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(character);
        // Even where somebody unescapes it: no `@everyone`, no `<#…>`.
        if matches!(character, '@' | '<') {
            escaped.push('\u{200b}');
        }
    }
    escaped
}

/// Slack's own escapes: without them `<!channel>` calls everybody.
#[must_use]
pub fn slack(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
