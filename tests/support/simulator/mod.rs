//! A simulator: whole lives of duban on a virtual clock, over the store in memory, with everything going wrong that can.
//!
//! A seed throws the dice: items live in two sources, polls fail or are cut short, processes crash, stand still or lose
//! their store before and after every verb, channels refuse, hang and leave nobody know, clocks are stepped, playbooks
//! are reloaded, two processes share the store. Then it calms down, and everything must have been said that had to be.
//!
//! **Laws**, by the number that a broken one is reported with: (1) what is due stands and is said; (2) a bad poll changes
//! no card, and nothing is held or dropped without a ground; (3) cards, transitions and notices are written together;
//! (4) nothing is sent without a claim, and a lost lease settles nothing; (5) in no stretch of time a channel, or a contact
//! by it, gets more than its rate; (6) repeats are accounted for, and say the same; (7) numbers and episodes grow by one,
//! and time only raises; (8) nothing but a store that is away stops an errand; (9) a card climbs its ladder one step at a
//! time to the end, and not while a signature holds it; (10) a silence tells nobody until it ends, and then what is still
//! so; nobody is told who is away or whose address was refused; (11) a rehearsal is no telling; (12) a dead letter is
//! reported, and said by the fallback channel once.
//!
//! The same seed lives the same life: nothing here asks for the time, and no order comes from a hash map.

mod calm;
mod city;
mod climb;
mod daemon;
mod dice;
mod disk;
mod gate;
mod laws;
mod ledger;
mod letters;
mod office;
mod oracle;
mod person;
mod process;
mod quiet;
mod story;
mod wire;
mod witness;
mod world;

pub use ledger::Tally;
pub use story::Story;
pub use world::Failure;

use tokio::runtime::{Builder, Runtime};

/// Where lives are lived: one after the other, on one thread and one more for thinking.
pub struct Simulator {
    runtime: Runtime,
}

impl Simulator {
    /// A simulator.
    pub fn new() -> Self {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().expect("a runtime");
        Self { runtime }
    }

    /// Lives the life of a seed.
    pub fn live(&self, seed: u64) -> Result<(Tally, Story), Box<Failure>> {
        self.runtime.block_on(world::live(seed))
    }
}
