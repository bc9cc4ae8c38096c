//! Mails into a folder.

use duban::core::delivery::Outcome;
use duban::wire::folder::{Folder, FolderConfig};
use duban::wire::{Channel, Message};

use crate::support::letter::Letter;
use crate::{id, message, temporary};

fn folder(toml: &str, under: &std::path::Path) -> Folder {
    let mut config: FolderConfig = toml::from_str(toml).expect(toml);
    config.seen_from(under);
    Folder::new(&config).expect("channel")
}

fn names(path: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).expect("folder").map(|entry| entry.expect("entry").file_name());
    entries.map(|name| name.into_string().expect("UTF-8")).collect()
}

#[tokio::test]
async fn a_delivery_is_one_file_however_often_it_is_sent() {
    let dir = tempfile::tempdir().expect("folder");
    let channel = folder("path = 'out/box'\nfrom = '督办 <duban@example.test>'", dir.path());
    for _ in 0..3 {
        let outcome = channel.send(&message("one")).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }
    let outbox = dir.path().join("out/box");
    let name = format!("20260302-020000-{}.eml", &id("one").to_string()[..12]);
    assert_eq!(names(&outbox), [name.as_str()]);
    let letter = Letter::parse(&std::fs::read(outbox.join(name)).expect("mail"));
    assert_eq!(letter.get("Subject"), Some(message("one").subject.as_str()));
    assert_eq!(letter.get("Message-ID"), Some(format!("<{}@example.test>", id("one")).as_str()));
    channel.send(&message("two")).await;
    assert_eq!(names(&outbox).len(), 2);
}

#[tokio::test]
async fn a_short_message_is_a_text_whose_name_nobody_outside_chooses() {
    let dir = tempfile::tempdir().expect("folder");
    let channel = folder("path = 'sms'\nmedium = 'sms'", dir.path());
    let hostile = Message { to_address: "../../etc/passwd\n".to_owned(), ..message("one") };
    channel.send(&hostile).await;
    let path = dir.path().join("sms");
    let name = format!("20260302-020000-{}.txt", &id("one").to_string()[..12]);
    assert_eq!(names(&path), [name.as_str()]);
    let text = std::fs::read_to_string(path.join(name)).expect("text");
    assert!(text.starts_with("To: 王小明 <../../etc/passwd>\nDate: 2026-03-02T02:00:00Z\n"), "{text}");
    assert!(text.contains("请于今日办结。"), "{text}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_tried_again() {
    let file = tempfile::NamedTempFile::new().expect("file");
    let channel = folder("path = 'inside'", file.path());
    let reason = temporary(channel.send(&message("one")).await);
    assert!(reason.contains("inside"), "{reason}");
}
