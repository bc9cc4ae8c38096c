//! Work on chunks with all cores, taken in the order of the chunks.

use std::sync::mpsc::sync_channel;

/// How many finished chunks a core may be ahead of whoever takes them.
const AHEAD: usize = 2;

/// Works on every chunk and hands the answers over in the order of the chunks, with a bounded number of them in hand. A
/// refusal ends the work.
pub fn in_order<T: Send, E>(
    chunks: usize,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(chunks);
    std::thread::scope(|scope| {
        let work = &work;
        let lane = |first: usize| {
            let (sender, receiver) = sync_channel(AHEAD);
            // Nobody takes any more if sending fails.
            scope.spawn(move || (first..chunks).step_by(cores).try_for_each(|chunk| sender.send(work(chunk))));
            receiver
        };
        let lanes: Vec<_> = (0..cores).map(lane).collect();
        for chunk in 0..chunks {
            // A lane ends early only by a panic, which the scope passes on.
            let Ok(answer) = lanes[chunk % cores].recv() else { break };
            take(answer)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_chunks() {
        for chunks in [0, 1, 2, 3, 100] {
            let mut taken = Vec::new();
            let work = |chunk: usize| {
                if chunk.is_multiple_of(7) {
                    std::thread::yield_now();
                }
                chunk
            };
            let all: Result<(), ()> = in_order(chunks, work, |chunk| {
                taken.push(chunk);
                Ok(())
            });
            assert_eq!((all, taken), (Ok(()), (0..chunks).collect()));
        }
    }

    #[test]
    fn a_refusal_ends_the_work() {
        let refused = in_order(1000, |chunk| chunk, |chunk| if chunk < 5 { Ok(()) } else { Err(chunk) });
        assert_eq!(refused, Err(5));
    }
}
