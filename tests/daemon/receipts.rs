//! What became of messages that a peer took: asked for, or brought by the peer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use duban::answer::receipts::Asker;
use duban::answer::{Answering, Hook, News};
use duban::core::Instant;
use duban::core::contact::Medium;
use duban::core::delivery::{DeliveryState, Outcome, Receipt};
use duban::core::notice::{Body, NoticeKind};
use duban::courier::{Courier, Way};
use duban::daemon::wiring::Site as ReadSite;
use duban::pipeline::Pipeline;
use duban::playbook::{InForce, Playbook};
use duban::store::memory::MemoryStore;
use duban::store::{DeliveryFilter, DeliveryRecord, Store};
use duban::time::TestClock;
use duban::web::{self, Board};
use duban::wire::{Channel, Message};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::support::daemon::call;
use crate::support::site::{LIVE, Site};

/// A peer that takes everything, and knows later what became of it.
#[derive(Default)]
struct Peer {
    knows: Mutex<HashMap<String, bool>>,
    asked: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Channel for Peer {
    fn medium(&self) -> Medium {
        Medium::Mail
    }

    fn at_once(&self) -> usize {
        4
    }

    fn longest(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn gives_receipts(&self) -> bool {
        true
    }

    async fn receipt(&self, id: &str, address: &str, _: DateTime<Utc>) -> Result<Option<Receipt>, String> {
        self.asked.lock().expect("lock").push((id.to_owned(), address.to_owned()));
        let known = self.knows.lock().expect("lock").get(id).copied();
        Ok(known.map(|delivered| Receipt { remote_id: id.to_owned(), delivered, reason: "MK:0001".into() }))
    }

    fn read_receipts(&self, body: &[u8]) -> Result<Vec<Receipt>, String> {
        let text = std::str::from_utf8(body).map_err(|e| e.to_string())?;
        let (remote_id, word) = text.split_once(' ').ok_or("expected an id and a word")?;
        let (remote_id, reason) = (remote_id.to_owned(), word.to_owned());
        Ok(vec![Receipt { delivered: word == "DELIVRD", remote_id, reason }])
    }

    async fn send(&self, message: &Message) -> Outcome {
        Outcome::Accepted { remote_id: Some(format!("m{}", message.id)), answer: "taken".into() }
    }
}

/// A house with one peer and two operators, and a courier.
struct House {
    _site: Site,
    peer: Arc<Peer>,
    store: Arc<dyn Store>,
    clock: Arc<TestClock>,
    playbook: Arc<Playbook>,
    pipeline: Pipeline,
    courier: Courier,
}

impl House {
    fn new() -> Self {
        let site = Site::new();
        site.put(
            "contacts.csv",
            "id,name,roles,email\nops,值班员,operator,ops@city.test\nop2,值班员2,operator,op2@city.test\n",
        );
        site.configure(LIVE);
        let read = ReadSite::read(&site.path("duban.toml")).expect("a configuration");
        let wiring = read.wire(&[], None, &|_| None).expect("parts");
        let peer = Arc::new(Peer::default());
        let mut ways = wiring.ways;
        let retry = ways.channels["mail"].retry.clone();
        ways.channels.insert("mail".into(), Way { channel: peer.clone(), retry });
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = Arc::new(TestClock::at("2026-03-02T02:00:00Z".parse().expect("an instant")));
        let courier = Courier::new(store.clone(), ways, clock.clone(), Arc::new(Notify::new()));
        let (playbook, pipeline) = (Arc::new(wiring.playbook), Pipeline::new(store.clone()));
        Self { _site: site, peer, store, clock, playbook, pipeline, courier }
    }

    fn now(&self) -> Instant {
        duban::time::Clock::now(&*self.clock)
    }

    /// Tells operators something, and sends it.
    async fn tell(&mut self, what: &str) {
        let body = Body { title: what.to_owned(), lines: Vec::new() };
        let now = self.now();
        let told = self.pipeline.tell_operators(&self.playbook, NoticeKind::System, what, body, now).await;
        told.expect("told");
        self.carry().await;
    }

    async fn carry(&mut self) {
        let now = self.now();
        for _ in 0..3 {
            self.courier.run_once(&self.playbook, &self.pipeline, now).await.expect("a round");
            self.courier.drain(&self.playbook, &self.pipeline, Duration::from_secs(5)).await.expect("settled");
        }
    }

    async fn deliveries(&self, state: DeliveryState) -> Vec<DeliveryRecord> {
        let filter = DeliveryFilter { state: Some(state), contact: None, limit: 100 };
        self.store.deliveries(&filter).await.expect("deliveries")
    }

    fn asked(&self) -> usize {
        self.peer.asked.lock().expect("lock").len()
    }
}

#[tokio::test]
async fn a_peer_is_asked_ever_less_often_and_what_failed_is_reported() {
    let mut house = House::new();
    house.tell("something").await;
    let sent = house.deliveries(DeliveryState::Sent).await;
    assert_eq!(sent.len(), 2, "{sent:#?}");
    let mut asker = Asker::new(house.store.clone(), [("mail".into(), house.peer.clone() as _)]);
    assert!(!asker.is_idle());
    let mut asked_at = Vec::new();
    for minute in 0..(4 * 24 * 60) {
        let before = house.asked();
        assert!(!asker.run_once(house.now()).await.expect("asked"), "nothing is known");
        if house.asked() > before {
            assert_eq!(house.asked(), before + 2, "both");
            asked_at.push(minute);
        }
        house.clock.advance(Duration::from_mins(1));
    }
    assert_eq!(asked_at[..6], [0, 1, 2, 3, 5, 8], "after half their age");
    assert!((20..40).contains(&asked_at.len()), "{asked_at:?}");
    assert!(asked_at.windows(2).all(|two| two[1] - two[0] <= 6 * 60) && *asked_at.last().expect("some") < 3 * 24 * 60);
    let (_, address) = house.peer.asked.lock().expect("lock")[0].clone();
    assert!(address.ends_with("@city.test"), "{address}");

    // One arrived and one did not.
    house.tell("something else").await;
    let fresh: Vec<_> = house.deliveries(DeliveryState::Sent).await.into_iter().take(2).collect();
    let ids: Vec<String> = fresh.iter().filter_map(|delivery| delivery.remote_id.clone()).collect();
    house.peer.knows.lock().expect("lock").extend([(ids[0].clone(), true), (ids[1].clone(), false)]);
    assert!(asker.run_once(house.now()).await.expect("asked"), "something ended badly");
    let dead = house.deliveries(DeliveryState::Discarded).await;
    assert_eq!((dead.len(), dead[0].remote_id.as_ref()), (1, Some(&ids[1])));
    assert_eq!(dead[0].reason.as_deref(), Some("MK:0001"));
    let before = house.asked();
    house.clock.advance(Duration::from_hours(9));
    assert!(!asker.run_once(house.now()).await.expect("asked"));
    assert_eq!(house.asked(), before, "what is known is asked for no more");
    assert!(house.store.unreported(9).await.expect("unreported").len() == 1);
    house.courier.look_for_bad_ends();
    house.carry().await;
    assert!(house.store.unreported(9).await.expect("unreported").is_empty(), "reported");
}

#[tokio::test]
async fn what_a_peer_brings_by_itself_counts_under_its_key() {
    let mut house = House::new();
    house.tell("something").await;
    let sent = house.deliveries(DeliveryState::Sent).await;
    let id = sent[0].remote_id.clone().expect("an id");
    let key = "a-key-of-sixteen-or-more";
    let hook = Hook::new(house.peer.clone(), key.to_owned().into(), None);
    let news = Arc::new(News::default());
    let answering = Answering { links: None, hooks: [("mail".into(), hook)].into(), news: news.clone() };
    let in_force = InForce {
        playbook: house.playbook.clone(),
        sources: Vec::new(),
        intakes: [].into(),
        expected: [].into(),
        degraded: Vec::new(),
        trouble: None,
        answering: Arc::new(answering),
        clock_doubt: watch::channel(None).1,
        outages: watch::channel(Vec::new()).1,
    };
    let in_force = watch::channel(Some(in_force)).1;
    let board = Board { store: house.store.clone(), clock: house.clock.clone(), in_force, note: None };
    let listener = web::listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let stop = CancellationToken::new();
    let served = tokio::spawn(web::serve(listener, board, stop.clone()));
    let knock = async |path: String, body: String| {
        let asked = tokio::task::spawn_blocking(move || call(port, "POST", &path, &[], &body));
        asked.await.expect("an answer").0.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let path = format!("/hooks/mail/{key}/receipts");
    assert_eq!(knock("/hooks/mail/another-key-of-that-size/receipts".into(), format!("{id} UNDELIV")).await, "404");
    assert_eq!(knock("/hooks/sms/a-key-of-sixteen-or-more/receipts".into(), format!("{id} UNDELIV")).await, "404");
    assert_eq!(knock(format!("/hooks/mail/{key}/replies"), String::new()).await, "404", "no replies are configured");
    assert_eq!(knock(path.clone(), "nonsense".into()).await, "400");
    assert_eq!(knock(path.clone(), "m0 UNDELIV".into()).await, "200", "somebody else's message");
    assert!(!news.take_bad());
    assert_eq!(knock(path.clone(), format!("{id} UNDELIV")).await, "200");
    assert!(news.take_bad() && !news.take_bad(), "the courier hears of it once");
    assert_eq!(house.deliveries(DeliveryState::Discarded).await.len(), 1);
    assert_eq!(knock(path, format!("{id} DELIVRD")).await, "200", "the first word stands");
    assert_eq!(house.deliveries(DeliveryState::Discarded).await.len(), 1);
    stop.cancel();
    served.await.expect("served").expect("served to its end");
}
