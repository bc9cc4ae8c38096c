//! The words of a mapping, good and bad.

use super::*;

fn mapping(text: &str) -> Result<Mapping, String> {
    let config: MappingConfig = toml::from_str(text).map_err(|e| e.message().to_owned())?;
    Mapping::new("tickets", &config).map_err(|e| e.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_mapping_says_which_columns_it_needs_and_which_fields_it_gives() {
    let mapping = mapping(
        r#"
        id = "编号"
        kind = { column = "类别", values = { "工单" = "ticket" } }
        timezone = "Asia/Shanghai"
        calendar = "boston"
        [fields]
        title = "标题"
        received_at = "收到"
        amount = { column = "金额", type = "number" }
        subject = { value = "enterprise" }
        [pauses]
        from = "暂停"
        to = "恢复"
        kind = { column = "类别" }
        basis = "条例"
        "#,
    )
    .expect("mapping");
    assert_eq!(mapping.columns(), ["编号", "类别", "金额", "收到", "标题", "暂停", "恢复"]);
    let fields: Vec<_> = mapping.fields().into_iter().map(|field| format!("{} {}", field.name, field.kind)).collect();
    assert_eq!(fields, ["amount number", "received_at time", "subject text", "title text", "calendar text"]);
}

#[test]
fn every_mistake_is_named_with_its_key() {
    let head = "id = \"id\"\nkind = \"ticket\"\n";
    for (rest, says) in [
        ("fields.new = 'x'", "fields.new: field `new`: rules keep this word for themselves; call it `is_new`"),
        ("fields.id = 'x'", "fields.id: field `id` exists on every item: declare it as `id = \"column\"`"),
        ("fields.Title = 'x'", "fields.Title: expected a field name such as received_at (a-z, 0-9, _), got \"Title\""),
        ("fields.done_at = { column = 'x', type = 'text' }", "a name that ends in _at is an instant, got type text"),
        ("fields.done_at = { value = 'x' }", "a name that ends in _at is an instant, got type text"),
        (
            "fields.done = { column = 'x', type = 'time' }\ntimezone = 'UTC'",
            "an instant's name ends in _at, got type time",
        ),
        ("fields.title = { column = 'x', type = 'number' }", "title is always text, got type number"),
        ("fields.x = { column = 'x', value = 1 }", "fields.x: expected exactly one of column, text and value"),
        ("fields.x = {}", "fields.x: expected exactly one of column, text and value"),
        ("fields.x = { column = 'a', text = '{b}' }", "fields.x: expected exactly one of column, text and value"),
        ("fields.x = { text = 'a{b' }", "fields.x.text: expected columns in braces such as"),
        ("fields.x = { text = 'a' }", "fields.x.text: expected a column in braces, got \"a\""),
        (
            "fields.x = { column = 'x', timezone = 'UTC' }",
            "fields.x: expected timezone and time_formats beside type time or json, got type text",
        ),
        (
            "fields.done_at = { column = 'x', timezone = 'UTC+8' }",
            "fields.done_at.timezone: expected a zone such as \"Asia/Shanghai\", got \"UTC+8\"",
        ),
        (
            "fields.done_at = { column = 'x', time_formats = ['dd.MM'] }",
            "fields.done_at.time_formats: expected a format such as",
        ),
        (
            "timezone = 'UTC'\nfields.done_at = { column = 'x', values = { a = 'soon' } }",
            "values: \"a\" stands for something that is no time: expected a time such as",
        ),
        (
            "timezone = 'UTC'\nfields.done_at = { column = 'x', values = { a = 1 } }",
            "values: \"a\" stands for something that is no time",
        ),
        ("time_formats = ['%d/%m/%Y', '%m/%d/%Y']\ntimezone = 'UTC'", "time_formats: expected formats that agree"),
        ("fields.done_at = { column = 'x', time_formats = ['%Y-%m-%d'] }", "timezone: expected a zone such as"),
        ("pauses = { from = 'x', timezone = 'Mars' }\ntimezone = 'UTC'", "pauses.timezone: expected a zone such as"),
        (
            "pauses = { while_status = ['a'], timezone = 'UTC' }\nfields.status = 's'",
            "pauses: expected timezone and time_formats beside columns",
        ),
        ("fields.x = { value = 1, type = 'text' }", "a constant needs neither type nor values"),
        ("fields.x = ''", "fields.x: expected the name of a column, got nothing"),
        (
            "fields.x = { column = 'x', type = 'bool', values = { a = 'yes' } }",
            "values: \"a\" stands for something that is no bool",
        ),
        ("fields.x = { column = 'x', type = 'date' }", "unknown variant `date`"),
        ("fields.x = { colum = 'x' }", "unknown field `colum`"),
        ("fields.x = 1", "expected a column, { column = … }, { text = … } or { value = … }"),
        (
            "fields.done_at = 'x'",
            "timezone: expected a zone such as \"Asia/Shanghai\", because times without one can occur",
        ),
        (
            "timezone = 'Asia/Shangai'",
            "timezone: expected a zone such as \"Asia/Shanghai\", got \"Asia/Shangai\" (did you mean \"Asia/Shanghai\"?)",
        ),
        ("time_formats = ['dd.MM.yyyy']", "time_formats: expected a format such as"),
        ("calendar = 'x'\nfields.calendar = 'y'", "calendar: declared twice"),
        ("pauses = { to = 'x' }\ntimezone = 'UTC'", "pauses: expected the columns from and to"),
        ("pauses = { column = 'x', from = 'y' }\ntimezone = 'UTC'", "pauses: expected either one column of type json"),
        ("pauses = { column = 'x', type = 'text' }\ntimezone = 'UTC'", "pauses: expected type \"json\""),
        ("extensions = { basis = 'x' }\ntimezone = 'UTC'", "extensions: expected the column amount"),
    ] {
        let error = mapping(&format!("{head}{rest}")).expect_err(rest);
        assert!(error.contains(says), "{rest}: {error}");
    }
    let all = mapping("id = ''\nkind = ''\nfields.new = 'x'\nfields.case = 'y'").expect_err("four");
    assert_eq!(all.lines().count(), 4, "all at once: {all}");
}

#[test]
fn a_source_whose_times_all_have_offsets_needs_no_zone() {
    mapping("id = 'id'\nkind = 'x'\ntime_formats = ['rfc3339', '%s']\nfields.done_at = 'd'").expect("mapping");
    mapping("id = 'id'\nkind = 'x'\nfields.title = 'd'").expect("no times at all");
}

#[test]
fn a_zone_of_its_own_is_enough_for_a_field() {
    mapping("id = 'id'\nkind = 'x'\nfields.done_at = { column = 'd', timezone = 'UTC' }").expect("mapping");
    let both = "id = 'id'\nkind = 'x'\nfields.begun_at = 'b'\nfields.done_at = { column = 'd', timezone = 'UTC' }";
    assert!(mapping(both).expect_err("one has none").starts_with("timezone: "));
}

#[test]
fn another_mapping_or_another_map_is_another_version() {
    let version = |text: &str| mapping(text).expect("mapping").version();
    let one = version("id = 'id'\nkind = 'x'");
    assert_eq!(one, version("kind = 'x'\nid = 'id'\n[fields]"));
    assert_ne!(one, version("id = 'id'\nkind = 'x'\nfields.title = 't'"));
    let mapped = |text: &str| {
        let map = crate::rules::maps::RowMap::compile("m.rhai", text).expect("a map");
        mapping("id = 'id'\nkind = 'x'").expect("mapping").with_map(Arc::new(map)).version()
    };
    assert_ne!(one, mapped("fn map(row) { row }"));
    assert_ne!(mapped("fn map(row) { row + #{} }"), mapped("fn map(row) { row }"));
}

#[test]
fn the_keys_of_a_mapping_are_known() {
    let keys: toml::Table = toml::from_str(
        "id=''\nkind=''\ncalendar=''\ntimezone=''\ntime_formats=[]\nfields={}\npauses={}\nextensions={}\nmissing=[]\nraw=true\nmap=''",
    )
    .expect("keys");
    let mut known = MappingConfig::KEYS.to_vec();
    known.sort_unstable();
    assert_eq!(keys.keys().map(String::as_str).collect::<Vec<_>>(), known);
    toml::from_str::<MappingConfig>(&keys.to_string()).expect("all of them");
}

#[test]
fn a_mapping_can_be_flattened_into_a_larger_table() {
    #[derive(serde::Deserialize)]
    struct Outer {
        every: String,
        #[serde(flatten)]
        mapping: MappingConfig,
    }
    let outer: Outer = toml::from_str(
        "every = '5m'\nid = 'id'\nkind = { column = 'k' }\n[fields]\na = 'b'\nn = { value = 1 }\nx = { column = 'x', values = { y = 2.5 } }",
    )
    .expect("outer");
    assert_eq!((outer.every.as_str(), outer.mapping.fields.len()), ("5m", 3));
    assert_eq!(outer.mapping.missing, [""]);
}
