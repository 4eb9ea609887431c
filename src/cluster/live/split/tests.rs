//! Whatever the chunks, a list gives the same as when it is read whole.

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::cluster::objects::List;

/// What a list gave.
#[derive(Debug, Default, PartialEq)]
struct Given {
    /// as they came; `None` for one that was too large
    items: Vec<Option<String>>,
    token: Option<String>,
}

/// Splits what comes in `chunks`.
fn split<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Result<Given, NoList> {
    let mut splitter = Splitter::new(limit);
    let mut items = Vec::new();
    for chunk in chunks {
        splitter.push(chunk, &mut |item| {
            items.push(match item {
                Item::Json(json) => Some(json.to_owned()),
                Item::TooLarge => None,
            });
        })?;
        assert!(splitter.value.len() <= limit);
    }
    let token = splitter.next_token().map(str::to_owned);
    assert_eq!(splitter.finish()?, u64::try_from(items.len()).unwrap());
    Ok(Given { items, token })
}

fn whole(text: &str) -> Result<Given, NoList> {
    split([text.as_bytes()], 1 << 20)
}

#[test]
fn fields_come_in_any_order() {
    for (text, items, token) in [
        (
            r#"{"metadata":{"resourceVersion":"1","continue":"n"},"items":[{"a" : 1},7]}"#,
            vec![r#"{"a" : 1}"#, "7"],
            "n",
        ),
        (
            "\n{ \"items\" : [ \"]\\\"\" ,\r\n[[]] , null ]\t, \"metadata\" : {\"continue\":\"n\"} }\n",
            vec![r#""]\"""#, "[[]]", "null"],
            "n",
        ),
        (r#"{"kind":"PodList","x":[{"items":[1]}],"items":[-1.5e3],"metadata":null,"y":true}"#, vec!["-1.5e3"], ""),
        (r#"{"items":null,"metadata":{"resourceVersion":"1"}}"#, vec![], ""),
        (r#"{"metadata":{"resourceVersion":"1","continue":""}}"#, vec![], ""),
        (r#"{"metadata":{"resourceVersion":"1"},"items":[]}"#, vec![], ""),
        (r#"{"\u0069tems":[{}]}"#, vec!["{}"], ""),
        // Not JSON, but the next one is: each is for its own decoder.
        (r#"{"items":[{"a":},{"b"},{"c":1}]}"#, vec![r#"{"a":}"#, r#"{"b"}"#, r#"{"c":1}"#], ""),
    ] {
        let given = whole(text).unwrap();
        assert_eq!(given.items.iter().flatten().collect::<Vec<_>>(), items, "{text}");
        assert_eq!(given.token.unwrap_or_default(), token, "{text}");
    }
}

#[test]
fn the_token_is_known_before_the_items() {
    let mut splitter = Splitter::new(100);
    splitter.push(br#"{"kind":"PodList","metadata":{"continue":"next"#, &mut |_| {}).unwrap();
    assert_eq!(splitter.next_token(), None);
    splitter.push(br#""},"items":[{"#, &mut |_| {}).unwrap();
    assert_eq!(splitter.next_token(), Some("next"));
}

#[test]
fn what_is_no_list_is_refused() {
    for (text, why) in [
        ("<html>log in</html>", NoList::Syntax(0)),
        ("[]", NoList::Syntax(0)),
        ("", NoList::Truncated),
        ("{}", NoList::Other),
        (r#"{"kind":"Status","metadata":{}}"#, NoList::Other),
        (r#"{"items":{}}"#, NoList::Field),
        (r#"{"items":7}"#, NoList::Field),
        (r#"{"items":[1],"metadata":[]}"#, NoList::Field),
        (r#"{"metadata":{},"metadata":{}}"#, NoList::Field),
        (r#"{"items":[{}"#, NoList::Truncated),
        (r#"{"items":[{}]"#, NoList::Truncated),
        (r#"{"items":["#, NoList::Truncated),
        (r#"{"items":[{}]}x"#, NoList::Syntax(14)),
        (r#"{"items":[{}]}{"#, NoList::Syntax(14)),
        (r#"{"items":[1,]}"#, NoList::Syntax(12)),
        (r#"{"items":[1 2]}"#, NoList::Syntax(12)),
        (r#"{"items":[,1]}"#, NoList::Syntax(10)),
        (r#"{"items":]}"#, NoList::Syntax(9)),
        (r#"{"items":[}]"#, NoList::Syntax(10)),
        (r#"{"items":[1],}"#, NoList::Syntax(13)),
        (r#"{"items" [1]}"#, NoList::Syntax(9)),
        (r#"{items:[1]}"#, NoList::Syntax(1)),
        (r#"{"\x":1,"items":[1]}"#, NoList::Field),
    ] {
        assert_eq!(whole(text), Err(why), "{text}");
    }
}

#[test]
fn no_more_is_kept_than_the_limit() {
    let text = format!(r#"{{"items":["{0}",[{0}],1],"x":"{0}","metadata":{{"continue":"n"}}}}"#, "9".repeat(200));
    let given = split(text.as_bytes().chunks(7), 100).unwrap();
    assert_eq!(given, Given { items: vec![None, None, Some("1".to_owned())], token: Some("n".to_owned()) });
    let endless = format!(r#"{{"items":[{}"#, "[".repeat(100_000));
    assert_eq!(split(endless.as_bytes().chunks(4096), 100), Err(NoList::Truncated));
    let metadata = format!(r#"{{"metadata":"{}","items":[1]}}"#, "9".repeat(200));
    assert_eq!(split([metadata.as_bytes()], 100), Err(NoList::Field));
}

#[test]
fn bytes_that_are_no_text_spoil_one_object_at_most() {
    let given = split([b"{\"items\":[\"\xff\",2]}".as_slice()], 100).unwrap();
    assert_eq!(given.items, [Some("\"\u{fffd}\"".to_owned()), Some("2".to_owned())]);
}

/// Any JSON, small.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i32>().prop_map(|value| value.to_string()),
        Just("-1.25E+7".to_owned()),
        "[ -~äß€😀\n\"\\\\{}\\[\\],:]{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\u00e9\ud83d\ude00\/\"""#.to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..4), "[ \n\t]{0,2}")
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(&format!("{space},")))),
            prop::collection::vec(("[a-c\"\\\\{}]{0,3}", inner), 0..4).prop_map(|fields| {
                let fields = fields.iter().enumerate();
                let fields =
                    fields.map(|(at, (name, value))| format!("{} : {value}", serde_json::json!(format!("{name}{at}"))));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

/// A list with its fields in any order.
fn list() -> impl Strategy<Value = String> {
    let items = prop_oneof![
        8 => prop::collection::vec(json(), 0..5).prop_map(|items| format!("[ {}]", items.join(" ,"))),
        1 => Just("null".to_owned()),
    ];
    let fields = (items, "[a-z=]{0,5}", json()).prop_map(|(items, token, other)| {
        vec![
            format!(r#""items": {items}"#),
            format!(r#""metadata":{{"resourceVersion":"1","remainingItemCount":3,"continue":"{token}"}}"#),
            format!(r#""other":{other}"#),
        ]
    });
    fields.prop_shuffle().prop_map(|fields| format!("{{{}}}", fields.join(" ,\n")))
}

/// `bytes` cut at `cuts`.
fn chunks<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([bytes.len()]).collect();
    ends.sort_unstable();
    let starts = [0].into_iter().chain(ends.clone());
    starts.zip(&ends).map(|(start, end)| &bytes[start..*end]).collect()
}

proptest! {
    #[test]
    fn a_list_in_chunks_is_the_list(text in list(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9)) {
        let reference: List<'_> = serde_json::from_str(&text).unwrap();
        let expected = Given {
            items: reference.items.into_iter().map(|item: &RawValue| Some(item.get().to_owned())).collect(),
            token: reference.metadata.continue_token.filter(|token| !token.is_empty()),
        };
        prop_assert_eq!(&split(chunks(text.as_bytes(), &cuts), 1 << 20).unwrap(), &expected);
        prop_assert_eq!(&split(text.as_bytes().chunks(1), 1 << 20).unwrap(), &expected);
    }

    #[test]
    fn a_list_that_ends_early_is_none(text in list(), cut in any::<prop::sample::Index>()) {
        let cut = &text.as_bytes()[..cut.index(text.len())];
        prop_assert_eq!(split([cut], 1 << 20), Err(NoList::Truncated));
    }

    #[test]
    fn anything_else_is_read_or_refused(
        text in "[{}\\[\\]:,\"\\\\a1 ]{0,40}",
        start in prop::sample::select(vec!["", "{\"items\":[", "{\"metadata\":{\"resourceVersion\":\"1\"},"]),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let text = format!("{start}{text}");
        let whole = whole(&text);
        prop_assert_eq!(&split(chunks(text.as_bytes(), &cuts), 1 << 20), &whole);
        if let Ok(List { items, metadata }) = serde_json::from_str::<List<'_>>(&text)
            && (!items.is_empty() || metadata.resource_version.is_some())
        {
            prop_assert_eq!(whole.map(|given| given.items.len()), Ok(items.len()));
        }
    }
}
