//! A house whose only channel takes nothing for a while: everybody can see it, a monitor elsewhere hears no heartbeat,
//! and what was to be said is said at the end.

use std::sync::Arc;
use std::time::Duration;

use duban::answer::{Answering, News};
use duban::core::notice::{Body, NoticeKind};
use duban::core::outage::Outage;
use duban::courier::Courier;
use duban::daemon::beats::are_operators_cut_off;
use duban::daemon::wiring::Site as ReadSite;
use duban::pipeline::Pipeline;
use duban::playbook::{InForce, Playbook};
use duban::store::Store;
use duban::store::memory::MemoryStore;
use duban::time::{Clock as _, TestClock};
use duban::web::{self, Board};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::support::daemon::ask;
use crate::support::proxy::{Mode, Proxy};
use crate::support::sink::Sink;
use crate::support::site::{LIVE, Site, plain_mail_to};

/// A courier, its mail server behind a proxy, and a page.
struct House {
    _site: Site,
    proxy: Proxy,
    sink: Sink,
    clock: Arc<TestClock>,
    playbook: Arc<Playbook>,
    pipeline: Pipeline,
    courier: Courier,
    outages: watch::Receiver<Vec<Outage>>,
    port: u16,
    stop: CancellationToken,
}

impl House {
    async fn open() -> Self {
        let (site, sink) = (Site::new(), Sink::start(Duration::ZERO));
        let proxy = Proxy::before(sink.port);
        site.put("contacts.csv", "id,name,roles,email\nops,值班员,operator,ops@city.test\n");
        site.configure(&format!("{LIVE}{}", plain_mail_to(proxy.port)));
        let read = ReadSite::read(&site.path("duban.toml")).expect("a configuration");
        let wiring = read.wire(&[], None, &|_| None).expect("parts");
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = Arc::new(TestClock::at("2026-03-02T02:00:00Z".parse().expect("an instant")));
        let (shown, outages) = watch::channel(Vec::new());
        let courier = Courier::new(store.clone(), wiring.ways, clock.clone(), Arc::new(Notify::new()));
        let playbook = Arc::new(wiring.playbook);
        let answering = Answering { links: None, hooks: [].into(), news: Arc::new(News::default()) };
        let in_force = InForce {
            playbook: playbook.clone(),
            sources: Vec::new(),
            intakes: [].into(),
            expected: [].into(),
            degraded: Vec::new(),
            trouble: None,
            answering: Arc::new(answering),
            clock_doubt: watch::channel(None).1,
            outages: outages.clone(),
        };
        let in_force = watch::channel(Some(in_force)).1;
        let board = Board { store: store.clone(), clock: clock.clone(), in_force, note: None };
        let listener = web::listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
        let (port, stop) = (listener.local_addr().expect("an address").port(), CancellationToken::new());
        tokio::spawn(web::serve(listener, board, stop.clone()));
        let (pipeline, courier) = (Pipeline::new(store), courier.showing_outages_in(shown));
        Self { _site: site, proxy, sink, clock, playbook, pipeline, courier, outages, port, stop }
    }

    /// Lets time pass and carries what is due then.
    async fn carry_after(&mut self, wait: Duration) {
        self.clock.advance(wait);
        for _ in 0..3 {
            let now = self.clock.now();
            self.courier.run_once(&self.playbook, &self.pipeline, now).await.expect("a round");
            self.courier.drain(&self.playbook, &self.pipeline, Duration::from_secs(5)).await.expect("settled");
        }
    }

    async fn get(&self, path: &'static str) -> String {
        let port = self.port;
        let asked = tokio::task::spawn_blocking(move || ask(port, "GET", path));
        let (head, body) = asked.await.expect("an answer");
        format!("{} {body}", head.split(' ').nth(1).unwrap_or_default())
    }

    fn is_silent(&self) -> bool {
        are_operators_cut_off(&self.playbook.office, &self.outages.borrow())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_channel_takes_anything_everybody_can_see_it_and_nothing_is_lost() {
    const MINUTE: Duration = Duration::from_mins(1);
    let mut house = House::open().await;
    house.proxy.set(Mode::Refuse);
    let body = Body { title: "something".to_owned(), lines: Vec::new() };
    let (pipeline, now) = (&house.pipeline, house.clock.now());
    pipeline.tell_operators(&house.playbook, NoticeKind::System, "x", body, now).await.expect("told");

    // A first try, and after half a minute and two more the next two: not yet.
    for wait in [Duration::ZERO, MINUTE / 2, MINUTE * 2] {
        house.carry_after(wait).await;
        assert!(!house.is_silent());
        assert_eq!(house.get("/readyz").await, "200 ready\n");
    }
    assert!(house.get("/metrics").await.contains("\nduban_outbox_oldest_seconds 150\n"));

    house.carry_after(MINUTE * 10).await;
    assert!(house.is_silent(), "no heartbeat");
    let ready = house.get("/readyz").await;
    // The fifth is the message about it.
    let expected = "503 channel mail: 5 tries in a row have failed since 2026-03-02 02:00:00 UTC: 127.0.0.1:";
    assert!(ready.starts_with(expected), "{ready}");
    assert!(house.get("/healthz").await.starts_with("200"), "the process is well");
    let page = house.get("/").await;
    assert!(page.contains("not going out") && page.contains("tried again: mail"), "{page}");
    let metrics = house.get("/metrics").await;
    for line in ["duban_channel_out{channel=\"mail\"} 1", "duban_outbox_oldest_seconds 750"] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }

    // Operators are told once, and hear of it as soon as anything goes out.
    for _ in 0..5 {
        house.carry_after(MINUTE * 60).await;
    }
    assert_eq!(house.sink.count(), 0);
    house.proxy.set(Mode::Pass);
    house.carry_after(MINUTE * 60).await;
    let subjects: Vec<String> =
        house.sink.taken().iter().filter_map(|taken| taken.letter().get("Subject").map(str::to_owned)).collect();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects.iter().any(|subject| subject.contains("The channel mail takes nothing")), "{subjects:?}");
    assert!(!house.is_silent());
    assert_eq!(house.get("/readyz").await, "200 ready\n");
    assert!(house.get("/metrics").await.contains("\nduban_outbox_oldest_seconds 0\n"));
    house.stop.cancel();
}
