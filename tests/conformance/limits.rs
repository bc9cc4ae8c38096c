//! Limits: how many sends may leave in how much time, counted for all who share the store.

use std::sync::Arc;

use chrono::TimeDelta;
use duban::core::Instant;
use duban::core::rate::{Rate, Rates};
use duban::store::{Store, Want};

use crate::for_every_store;
use crate::sample::*;

for_every_store!(
    a_channel_sends_so_many_in_so_much_time_and_not_one_more,
    of_one_call_the_first_go_and_the_rest_are_told_when,
    a_limit_for_each_contact_holds_up_nobody_else,
    the_longest_wait_of_several_limits_counts,
    what_is_refused_is_not_counted,
    what_has_no_limit_is_not_counted,
    a_channel_does_not_count_what_another_sends,
    a_limit_is_full_when_the_daemon_comes_back,
    a_clock_that_goes_back_allows_nothing_more,
    a_clock_that_was_a_year_ahead_does_not_hold_up_today,
    what_is_counted_for_a_month_is_kept_for_a_month,
    twenty_couriers_together_stay_within_the_limit,
);

fn rates(all: &[&str], each: &[&str]) -> Rates {
    let rates = |texts: &[&str]| texts.iter().map(|text| text.parse::<Rate>().expect("a rate")).collect();
    Rates { all: rates(all), each: rates(each) }
}

fn want(channel: &str, contact: &str, rates: &Rates) -> Want {
    Want { channel: channel.into(), contact: contact.into(), rates: rates.clone() }
}

async fn take(store: &Arc<dyn Store>, now: Instant, wants: &[Want]) -> Vec<Option<Instant>> {
    store.take(now, wants).await.expect("an answer")
}

async fn take_one(store: &Arc<dyn Store>, now: &str, rates: &Rates) -> Option<Instant> {
    take(store, at(now), &[want("sms", "li", rates)]).await[0]
}

async fn a_channel_sends_so_many_in_so_much_time_and_not_one_more(store: Arc<dyn Store>) {
    let one = rates(&["1/1m"], &[]);
    assert_eq!(take_one(&store, "10:00:00", &one).await, None);
    assert_eq!(take_one(&store, "10:00:00", &one).await, Some(at("10:01:00")));
    assert_eq!(take_one(&store, "10:00:59.999999", &one).await, Some(at("10:01:00")));
    assert_eq!(take_one(&store, "10:01:00", &one).await, None, "the minute is open at its beginning");
    let two = rates(&["2/1m"], &[]);
    assert_eq!(take_one(&store, "10:01:30", &two).await, None);
    assert_eq!(take_one(&store, "10:01:40", &two).await, Some(at("10:02:00")), "when the older of the two is over");
    assert_eq!(take_one(&store, "10:02:00", &two).await, None);
    assert_eq!(take_one(&store, "10:02:00", &two).await, Some(at("10:02:30")));
}

async fn of_one_call_the_first_go_and_the_rest_are_told_when(store: Arc<dyn Store>) {
    let wants: Vec<Want> = (0..100).map(|n| want("sms", &n.to_string(), &rates(&["18/1m"], &["2/1h"]))).collect();
    let answers = take(&store, at("10:00:00"), &wants).await;
    assert!(answers[..18].iter().all(Option::is_none));
    assert!(answers[18..].iter().all(|answer| *answer == Some(at("10:01:00"))), "{answers:?}");
    let answers = take(&store, at("10:01:00"), &wants[18..]).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 18);
    assert_eq!(take(&store, at("10:01:00"), &[]).await, []);
}

async fn a_limit_for_each_contact_holds_up_nobody_else(store: Arc<dyn Store>) {
    let each = rates(&[], &["1/1h"]);
    let [li, wang] = ["li", "wang"].map(|contact| want("sms", contact, &each));
    let answers = take(&store, at("10:00:00"), &[li.clone(), li.clone(), wang.clone()]).await;
    assert_eq!(answers, [None, Some(at("11:00:00")), None]);
    assert_eq!(take(&store, at("11:00:00"), &[wang, li]).await, [None, None]);
}

async fn the_longest_wait_of_several_limits_counts(store: Arc<dyn Store>) {
    let rates = rates(&["1/1s", "3/1h"], &["2/10m"]);
    assert_eq!(take_one(&store, "10:00:00", &rates).await, None);
    assert_eq!(take_one(&store, "10:00:00", &rates).await, Some(at("10:00:01")));
    assert_eq!(take_one(&store, "10:00:01", &rates).await, None);
    assert_eq!(take_one(&store, "10:00:02", &rates).await, Some(at("10:10:00")));
    assert_eq!(take_one(&store, "10:10:00", &rates).await, None);
    assert_eq!(take_one(&store, "10:11:00", &rates).await, Some(at("11:00:00")));
}

async fn what_is_refused_is_not_counted(store: Arc<dyn Store>) {
    let (both, all) = (rates(&["2/1h"], &["1/1h"]), rates(&["2/1h"], &[]));
    assert_eq!(take_one(&store, "10:00:00", &both).await, None);
    for _ in 0..5 {
        assert_eq!(take_one(&store, "10:00:10", &both).await, Some(at("11:00:00")), "by the limit of the contact");
    }
    assert_eq!(take_one(&store, "10:00:20", &all).await, None, "the channel has one left");
    assert_eq!(take_one(&store, "10:00:30", &all).await, Some(at("11:00:00")));
}

async fn what_has_no_limit_is_not_counted(store: Arc<dyn Store>) {
    let (free, one) = (Rates::default(), rates(&["1/1h"], &[]));
    let wants = [&free, &one, &free, &one].map(|rates| want("sms", "li", rates));
    assert_eq!(take(&store, at("10:00:00"), &wants).await, [None, None, None, Some(at("11:00:00"))]);
    assert_eq!(take(&store, at("10:30:00"), &[want("mail", "li", &free)]).await, [None]);
    assert_eq!(take(&store, at("10:30:00"), &[want("mail", "li", &one)]).await, [None]);
}

async fn a_channel_does_not_count_what_another_sends(store: Arc<dyn Store>) {
    let one = rates(&["1/1h"], &["1/1h"]);
    let wants = [("sms", "li"), ("mail", "li"), ("sms", "wang"), ("mail", "wang")];
    let wants = wants.map(|(channel, contact)| want(channel, contact, &one));
    let later = Some(at("11:00:00"));
    assert_eq!(take(&store, at("10:00:00"), &wants).await, [None, None, later, later]);
}

async fn a_limit_is_full_when_the_daemon_comes_back(store: Arc<dyn Store>) {
    let quota = rates(&["5/1d"], &[]);
    for _ in 0..5 {
        assert_eq!(take_one(&store, "10:00:00", &quota).await, None);
    }
    // Another one of the same channel, and then the quota again, hours later.
    assert_eq!(take_one(&store, "11:00:00", &rates(&["9/1s"], &[])).await, None);
    assert_eq!(take_one(&store, "23:59:59", &quota).await, Some(at("10:00:00") + TimeDelta::days(1)));
}

async fn a_clock_that_goes_back_allows_nothing_more(store: Arc<dyn Store>) {
    let one = rates(&["1/1m"], &[]);
    assert_eq!(take_one(&store, "10:00:00", &one).await, None);
    assert_eq!(take_one(&store, "09:59:30", &one).await, Some(at("10:01:00")), "the two would be in one minute");
    assert_eq!(take_one(&store, "09:59:00", &one).await, None, "they would not");
}

async fn a_clock_that_was_a_year_ahead_does_not_hold_up_today(store: Arc<dyn Store>) {
    let one = rates(&["1/31d"], &[]);
    let ahead = at("10:00:00") + TimeDelta::days(365);
    assert_eq!(take(&store, ahead, &[want("sms", "li", &one)]).await, [None]);
    assert_eq!(take_one(&store, "10:00:00", &one).await, None);
    assert_eq!(take_one(&store, "10:00:00", &one).await, Some(at("10:00:00") + TimeDelta::days(31)));
}

async fn what_is_counted_for_a_month_is_kept_for_a_month(store: Arc<dyn Store>) {
    let month = rates(&["3/31d", "1/1s"], &[]);
    let days = |days| at("10:00:00") + TimeDelta::days(days);
    let mut answers = Vec::new();
    for day in [0, 10, 20, 30, 31, 40, 41] {
        answers.extend(take(&store, days(day), &[want("sms", "li", &month)]).await);
    }
    assert_eq!(answers, [None, None, None, Some(days(31)), None, Some(days(41)), None]);
}

async fn twenty_couriers_together_stay_within_the_limit(store: Arc<dyn Store>) {
    const STEPS: i64 = 30;
    let rates = rates(&["18/1m"], &["5/1m"]);
    let couriers: Vec<_> = (0..20)
        .map(|courier| {
            let (store, rates) = (store.clone(), rates.clone());
            tokio::spawn(async move {
                let mut left = Vec::new();
                for step in 0..STEPS {
                    // Their clocks differ by up to two seconds.
                    let now = at("10:00:00") + TimeDelta::seconds(step * 6) + TimeDelta::milliseconds(courier * 100);
                    let contacts = [courier % 7, step % 7].map(|contact| contact.to_string());
                    let wants = contacts.clone().map(|contact| want("sms", &contact, &rates));
                    let answers = take(&store, now, &wants).await;
                    left.extend(contacts.into_iter().zip(answers).filter(|(_, a)| a.is_none()).map(|(c, _)| (c, now)));
                }
                left
            })
        })
        .collect();
    let mut left = Vec::new();
    for courier in couriers {
        left.extend(courier.await.expect("a courier"));
    }
    let in_a_minute = |from: Instant, contact: Option<&String>| {
        let until = from + TimeDelta::minutes(1);
        let of = |c: &String| contact.is_none_or(|contact| contact == c);
        left.iter().filter(|(c, at)| of(c) && *at >= from && *at < until).count()
    };
    for (contact, from) in &left {
        assert!(in_a_minute(*from, None) <= 18 && in_a_minute(*from, Some(contact)) <= 5, "{left:?}");
    }
    assert!(left.len() > 18, "it is used: {}", left.len());
}
