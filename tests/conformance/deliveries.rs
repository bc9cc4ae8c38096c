//! Deliveries: opening, joining, claiming, settling, listing.

use std::sync::Arc;

use chrono::TimeDelta;
use duban::core::delivery::DeliveryState;
use duban::core::notice::{Body, Hold, Notice, NoticeKind, NoticeState, Wait};
use duban::store::{AttemptOutcome, Claimable, DeliveryFilter, Settle, Store};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    a_delivery_is_claimed_when_it_is_due_and_sent_once,
    notices_join_until_the_first_claim,
    a_joined_delivery_goes_at_the_earliest_instant_asked_for,
    the_same_thing_is_not_said_twice,
    what_a_notice_says_is_kept_as_it_is,
    a_delivery_ends_with_its_notices,
    a_failed_try_waits_for_its_instant,
    a_dead_letter_is_sent_again_under_its_id,
    a_delivery_is_cancelled_only_before_its_first_claim,
    a_channel_that_is_left_out_does_not_hold_up_the_others,
    only_what_goes_to_some_contacts_is_claimed,
    the_oldest_are_claimed_first_and_no_more_than_asked_for,
    deliveries_are_listed_newest_first,
    a_delivery_is_found_by_the_beginning_of_its_id,
    held_notices_are_listed_by_reason,
);

async fn a_delivery_is_claimed_when_it_is_due_and_sent_once(store: Arc<dyn Store>) {
    let mut planned = opens_at("A", "li", at("03:00:00"));
    planned.placement.as_mut().expect("a placement").waits_for = Some(Wait::QuietHours);
    commit(&store, [tells("A", [planned])]).await;
    let id = delivery("A", "li");
    let (record, _) = shown(&store, id).await;
    assert_eq!((record.state, record.waits_for), (DeliveryState::Scheduled, Some(Wait::QuietHours)));
    assert_eq!((record.not_before, record.opened_at, record.tries), (at("03:00:00"), now(), 0));

    assert_eq!(store.next_claim_at(&[]).await.expect("next"), Some(at("03:00:00")));
    let waits = async |now: &str| store.waiting_since(at(now)).await.expect("since");
    assert_eq!((waits("02:59:59").await, waits("04:00:00").await), (None, Some(at("03:00:00"))));
    assert_eq!(claim(&store, at("02:59:59")).await, []);
    let claimed = claim_one(&store, at("03:00:00")).await;
    assert_eq!((claimed.delivery.id, claimed.delivery.state, claimed.delivery.tries), (id, DeliveryState::Sending, 1));
    assert_eq!(claimed.members, notices(&store, "A").await);
    assert_eq!(store.next_claim_at(&[]).await.expect("next"), Some(at("03:01:00")), "when the lease runs out");

    assert_eq!(waits("03:00:30").await, None, "it is under way");
    seal(&store, sealed(&claimed)).await;
    assert_eq!(waits("03:00:30").await, Some(now()), "since it was sealed");
    let end = Settle { remote_id: Some("<1@mx>".into()), ..settled(&claimed, DeliveryState::Sent) };
    settle(&store, end).await;
    let (record, members) = shown(&store, id).await;
    assert_eq!(record.state, DeliveryState::Sent);
    assert_eq!((record.sealed_at, record.sealed), (Some(now()), sealed(&claimed).sealed));
    assert_eq!((record.settled_at, record.reason.as_deref()), (Some(now()), Some("250 ok")));
    assert_eq!(record.remote_id.as_deref(), Some("<1@mx>"));
    assert_eq!(members[0].state, NoticeState::Sent);
    assert_eq!(store.next_claim_at(&[]).await.expect("next"), None);
    assert_eq!(waits("23:00:00").await, None);
    assert_eq!(claim(&store, at("23:00:00")).await, []);

    let tries = store.attempts(id).await.expect("attempts");
    let [only] = &tries[..] else { panic!("one try, got {tries:?}") };
    assert_eq!((only.number, only.claimed_at, only.settled_at), (1, at("03:00:00"), Some(now())));
    assert_eq!((only.outcome, only.reason.as_deref()), (Some(AttemptOutcome::Sent), Some("250 ok")));
}

async fn notices_join_until_the_first_claim(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let id = delivery("A", "li");
    let open = store.open_deliveries(&["li".into(), "wang".into()]).await.expect("open");
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].id, &*open[0].contact, &*open[0].channel, open[0].rehearsal), (id, "li", CHANNEL, false));
    commit(&store, [tells("B", [joins("B", "li", id)])]).await;
    let claimed = claim_one(&store, now()).await;
    assert_eq!(claimed.members.iter().map(|m| m.item.clone()).collect::<Vec<_>>(), [Some(key("A")), Some(key("B"))]);
    assert_eq!(store.open_deliveries(&["li".into()]).await.expect("open"), []);
}

async fn a_joined_delivery_goes_at_the_earliest_instant_asked_for(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens_at("A", "li", at("05:00:00"))])]).await;
    let id = delivery("A", "li");
    let join_at = |item: &str, time| tells(item, [placed(notice(item, "li"), id, false, at(time))]);
    for (item, time, expected) in [("B", "04:00:00", "04:00:00"), ("C", "06:00:00", "04:00:00")] {
        commit(&store, [join_at(item, time)]).await;
        let (record, _) = shown(&store, id).await;
        assert_eq!((record.state, record.not_before), (DeliveryState::Scheduled, at(expected)));
    }
    commit(&store, [join_at("D", "02:00:00")]).await;
    assert_eq!(shown(&store, id).await.0.state, DeliveryState::Available);
    let claimed = claim_one(&store, now()).await;
    assert_eq!(claimed.members.len(), 4);
    assert_eq!(claimed.delivery.opened_at, now());
}

async fn the_same_thing_is_not_said_twice(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li"), opens("A", "li")])]).await;
    for state in [None, Some(DeliveryState::Sent)] {
        if let Some(state) = state {
            send(&store, state).await;
        }
        let before = notices(&store, "A").await;
        let mut item = tells("A", [opens_at("A", "li", at("05:00:00"))]);
        item.record.version = loaded(&store, "A").await.version;
        commit(&store, [item]).await;
        assert_eq!(notices(&store, "A").await, before);
    }
    assert_eq!(store.counts().await.expect("counts").waiting, 0, "no delivery is opened for nothing");

    // The key is used up, so the delivery that it is to open under another id is not opened either.
    let again = placed(notice("A", "li"), delivery("other", "li"), true, now());
    let mut item = tells("A", [again]);
    item.record.version = loaded(&store, "A").await.version;
    commit(&store, [item]).await;
    assert_eq!(
        store.deliveries(&DeliveryFilter { limit: 9, ..DeliveryFilter::default() }).await.expect("list").len(),
        1
    );
}

async fn what_a_notice_says_is_kept_as_it_is(store: Arc<dyn Store>) {
    let mut planned = opens("A", "li");
    planned.notice = Notice {
        kind: NoticeKind::System,
        card: None,
        item: None,
        level: None,
        episode: 0,
        number: 0,
        step: 3,
        ordinal: 4,
        body: Some(Body { title: "a \"title\"".into(), lines: vec!["一行".into(), String::new()] }),
        ..planned.notice
    };
    say(&store, [planned.clone()]).await;
    assert_eq!(claim_one(&store, now()).await.members, [planned.notice]);
}

async fn a_delivery_ends_with_its_notices(store: Arc<dyn Store>) {
    let ends = [
        (DeliveryState::Sent, NoticeState::Sent),
        (DeliveryState::Unknown, NoticeState::Unknown),
        (DeliveryState::Discarded, NoticeState::Discarded),
        (DeliveryState::Retryable, NoticeState::Planned),
    ];
    for (index, (state, expected)) in ends.into_iter().enumerate() {
        let id = format!("A{index}");
        commit(&store, [tells(&id, [opens(&id, "li")])]).await;
        let claimed = claim_one(&store, now()).await;
        seal(&store, sealed(&claimed)).await;
        settle(&store, Settle { not_before: Some(at("09:00:00")), ..settled(&claimed, state) }).await;
        assert_eq!(states(&store, &id).await, [expected], "{state:?}");
    }
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.sent, counts.unknown, counts.discarded, counts.waiting), (1, 1, 1, 1));
}

async fn a_failed_try_waits_for_its_instant(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")])]).await;
    let first = claim_one(&store, now()).await;
    seal(&store, sealed(&first)).await;
    let again = Settle {
        not_before: Some(at("02:30:00")),
        reason: "451 later".into(),
        ..settled(&first, DeliveryState::Retryable)
    };
    settle(&store, again).await;
    assert_eq!(store.next_claim_at(&[]).await.expect("next"), Some(at("02:30:00")));
    assert_eq!(store.open_deliveries(&["li".into()]).await.expect("open"), [], "what was sealed stays as it is");
    assert_eq!(claim(&store, at("02:29:59")).await, []);
    let second = claim_one(&store, at("02:30:00")).await;
    assert_eq!((second.delivery.tries, second.delivery.reason.as_deref()), (2, Some("451 later")));
    assert_eq!(second.delivery.sealed, sealed(&first).sealed, "every try is the same message");
    assert!(second.fence > first.fence);
    settle(&store, settled(&second, DeliveryState::Sent)).await;
    let tries = store.attempts(first.delivery.id).await.expect("attempts");
    let tries: Vec<_> = tries.iter().map(|t| (t.number, t.outcome)).collect();
    assert_eq!(tries, [(1, Some(AttemptOutcome::Retryable)), (2, Some(AttemptOutcome::Sent))]);
}

async fn a_dead_letter_is_sent_again_under_its_id(store: Arc<dyn Store>) {
    for (index, state) in [DeliveryState::Discarded, DeliveryState::Unknown].into_iter().enumerate() {
        let item = format!("A{index}");
        commit(&store, [tells(&item, [opens(&item, "li")])]).await;
        let id = delivery(&item, "li");
        assert!(!store.retry_delivery(id, now(), None).await.expect("retry"), "it is not settled");
        send(&store, state).await;
        assert!(store.retry_delivery(id, at("04:00:00"), None).await.expect("retry"));
        assert!(!store.retry_delivery(id, at("04:00:00"), None).await.expect("retry"), "it was retried already");
        assert_eq!(states(&store, &item).await, [NoticeState::Planned]);
        assert_eq!(claim(&store, at("03:59:59")).await, []);
        let claimed = claim_one(&store, at("04:00:00")).await;
        assert_eq!((claimed.delivery.id, claimed.delivery.tries, claimed.delivery.settled_at), (id, 1, None));
        assert!(claimed.delivery.sealed.is_some());
        settle(&store, settled(&claimed, DeliveryState::Sent)).await;
        assert_eq!(states(&store, &item).await, [NoticeState::Sent]);
        assert!(!store.retry_delivery(id, now(), None).await.expect("retry"), "it was sent");
    }
    assert!(!store.retry_delivery(delivery("X", "li"), now(), None).await.expect("retry"), "it does not exist");
}

async fn a_delivery_is_cancelled_only_before_its_first_claim(store: Arc<dyn Store>) {
    commit(&store, [tells("A", [opens("A", "li")]), tells("B", [opens("B", "wang")])]).await;
    let id = delivery("A", "li");
    assert!(store.cancel_delivery(id, now(), None).await.expect("cancel"));
    assert!(!store.cancel_delivery(id, now(), None).await.expect("cancel"), "it is cancelled already");
    let (record, members) = shown(&store, id).await;
    assert_eq!((record.state, record.settled_at), (DeliveryState::Cancelled, Some(now())));
    assert_eq!((members[0].state, &members[0].hold), (NoticeState::Dropped, &Some(Hold::Cancelled)));

    let claimed = claim_one(&store, now()).await;
    assert!(!store.cancel_delivery(delivery("B", "wang"), now(), None).await.expect("cancel"), "it is being sent");
    settle(&store, settled(&claimed, DeliveryState::Retryable)).await;
    assert!(!store.cancel_delivery(delivery("B", "wang"), now(), None).await.expect("cancel"), "it was tried");
    assert_eq!(states(&store, "B").await, [NoticeState::Planned]);
}

async fn a_channel_that_is_left_out_does_not_hold_up_the_others(store: Arc<dyn Store>) {
    let mut by_sms = opens("A", "li");
    by_sms.notice.channel = "sms".into();
    commit(&store, [tells("A", [by_sms]), tells("B", [opens_at("B", "li", at("02:10:00"))])]).await;
    let except = ["sms".into()];
    assert_eq!(store.next_claim_at(&except).await.expect("next"), Some(at("02:10:00")));
    let claimed = store
        .claim(at("03:00:00"), at("03:01:00"), 9, Claimable { except: &except, only: None })
        .await
        .expect("a claim");
    assert_eq!(claimed.iter().map(|c| &*c.delivery.channel).collect::<Vec<_>>(), [CHANNEL]);
    let all = ["sms".into(), CHANNEL.into()];
    assert_eq!(store.next_claim_at(&all).await.expect("next"), None);
    assert_eq!(&*claim_one(&store, at("03:00:00")).await.delivery.channel, "sms");
}

async fn only_what_goes_to_some_contacts_is_claimed(store: Arc<dyn Store>) {
    let mut by_sms = opens("S", "li");
    by_sms.notice.channel = "sms".into();
    let times =
        [("A", "li", "02:00:03"), ("B", "wang", "02:00:01"), ("C", "zhao", "02:00:02"), ("D", "li", "02:00:00")];
    say(&store, times.map(|(item, contact, time)| opens_at(item, contact, at(time)))).await;
    say(&store, [by_sms, opens_at("E", "li", at("05:00:00"))]).await;
    let claimed = async |only: &[&str], limit| {
        let only: Vec<Arc<str>> = only.iter().map(|contact| Arc::from(*contact)).collect();
        let of = Claimable { except: &["sms".into()], only: Some(&only) };
        let claimed = store.claim(at("03:00:00"), at("03:01:00"), limit, of).await.expect("a claim");
        claimed.into_iter().map(|claimed| claimed.delivery.id).collect::<Vec<_>>()
    };
    assert_eq!(claimed(&[], 9).await, []);
    assert_eq!(claimed(&["nobody"], 9).await, []);
    assert_eq!(claimed(&["li", "li", "wang"], 2).await, [delivery("D", "li"), delivery("B", "wang")]);
    assert_eq!(claimed(&["li", "wang"], 9).await, [delivery("A", "li")]);
    assert_eq!(claim(&store, at("03:00:00")).await.len(), 2, "another contact's and another channel's");
}

async fn the_oldest_are_claimed_first_and_no_more_than_asked_for(store: Arc<dyn Store>) {
    let items = (0..30).map(|n| {
        let id = format!("{n:02}");
        tells(&id, [opens_at(&id, "li", now() - TimeDelta::minutes(n))])
    });
    commit(&store, items).await;
    for expected in [["29", "28", "27"], ["26", "25", "24"]] {
        let claimed = store.claim(now(), at("03:00:00"), 3, Claimable::default()).await.expect("a claim");
        let ids: Vec<_> = claimed.iter().map(|c| c.members[0].item.as_ref().expect("an item").id.clone()).collect();
        assert_eq!(ids, expected.map(Arc::from));
    }
    assert_eq!(store.claim(now(), at("03:00:00"), 0, Claimable::default()).await.expect("a claim"), []);
    assert_eq!(claim(&store, now()).await.len(), 24);
}

async fn deliveries_are_listed_newest_first(store: Arc<dyn Store>) {
    for (item, contact, minute) in [("A", "li", 1), ("B", "wang", 2), ("C", "li", 3)] {
        let mut planned = opens(item, contact);
        planned.notice.planned_at = now() + TimeDelta::minutes(minute);
        say(&store, [planned]).await;
    }
    let claimed =
        store.claim(at("02:00:00"), at("09:00:00"), 1, Claimable::default()).await.expect("a claim").remove(0);
    let sent = claimed.members[0].item.clone().expect("an item").id;
    settle(&store, settled(&claimed, DeliveryState::Sent)).await;
    let list = async |state, contact: Option<&str>, limit| {
        let filter = DeliveryFilter { state, contact: contact.map(Into::into), limit };
        let found = store.deliveries(&filter).await.expect("deliveries");
        found.iter().map(|d| (d.id, d.contact.to_string())).collect::<Vec<_>>()
    };
    let [a, b, c] = [("A", "li"), ("B", "wang"), ("C", "li")].map(|(i, c)| (delivery(i, c), c.to_owned()));
    assert_eq!(list(None, None, 9).await, [c.clone(), b.clone(), a.clone()]);
    assert_eq!(list(None, None, 2).await, [c.clone(), b.clone()]);
    assert_eq!(list(None, Some("li"), 9).await, [c.clone(), a.clone()]);
    let mut waiting = vec![c, b, a];
    let sent = waiting.remove(waiting.iter().position(|(id, c)| *id == delivery(&sent, c)).expect("it is listed"));
    assert_eq!(list(Some(DeliveryState::Available), None, 9).await, waiting);
    let contact = sent.1.clone();
    let sent = [sent];
    assert_eq!(list(Some(DeliveryState::Sent), None, 9).await, sent);
    assert_eq!(list(Some(DeliveryState::Sent), Some(&contact), 9).await, sent);
    assert_eq!(list(Some(DeliveryState::Sent), Some("nobody"), 9).await, []);
}

async fn a_delivery_is_found_by_the_beginning_of_its_id(store: Arc<dyn Store>) {
    let items = (0..40).map(|n| n.to_string()).map(|id| tells(&id, [opens(&id, "li")]));
    commit(&store, items).await;
    let id = delivery("7", "li");
    let whole = id.to_string();
    for beginning in [&whole[..], &whole[..12], &whole[..12].to_uppercase()] {
        let found = store.delivery(beginning).await.expect("deliveries");
        assert_eq!(found.iter().map(|(record, _)| record.id).collect::<Vec<_>>(), [id], "{beginning}");
        assert_eq!(found[0].1.len(), 1);
    }
    assert!(store.delivery(&whole[..1]).await.expect("deliveries").len() <= 10);
    for nonsense in ["", "%", "xyz", "' OR 1=1 --", &format!("{whole}0")] {
        assert_eq!(store.delivery(nonsense).await.expect("deliveries"), [], "{nonsense}");
    }
    assert_eq!(store.attempts(id).await.expect("attempts"), []);
}

async fn held_notices_are_listed_by_reason(store: Arc<dyn Store>) {
    let nobody = |role: &str| Hold::NoContact { role: role.into() };
    let mut early = held("B", "li", Hold::Baseline);
    early.notice.planned_at = at("01:00:00");
    let notices = [
        held("A", "li", Hold::Baseline),
        early,
        held("C", "li", nobody("chief")),
        held("D", "li", nobody("deputy")),
        opens("E", "li"),
    ];
    say(&store, notices).await;
    let list = async |hold, limit| {
        let found = store.held_notices(&hold, limit).await.expect("held");
        found.iter().map(|n| n.item.as_ref().expect("an item").id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(Hold::Baseline, 9).await, ["B", "A"]);
    assert_eq!(list(Hold::Baseline, 1).await, ["B"]);
    assert_eq!(list(nobody("chief"), 9).await, ["C"]);
    assert!(list(Hold::NoAddress, 9).await.is_empty());
}
