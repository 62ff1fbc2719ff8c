//! The same work on several things at the same time.

use std::thread;

use anyhow::{Context, anyhow};

use crate::machine::Machine;

/// Does `act` with each item in a separate thread; the results have the order of the items.
///
/// # Errors
/// All that failed, in one.
pub fn side_by_side<Item: Send, T: Send>(
    items: impl IntoIterator<Item = Item>,
    act: impl Fn(Item) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let act = &act;
    let results = thread::scope(|scope| {
        let threads = items.into_iter().map(|item| scope.spawn(move || act(item)));
        // All are started before the first is waited for.
        let threads = threads.collect::<Vec<_>>();
        let ends = threads.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ends.collect::<Vec<_>>()
    });
    let mut errors = Vec::new();
    let mut values = Vec::new();
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(format!("{error:#}")),
        }
    }
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(anyhow!(errors.join("\n")))
    }
}

/// How many machines do something at the same time, for each processor of this one: most of it is waiting.
const FOR_EACH_PROCESSOR: usize = 4;

/// Does `act` with each machine, some of them at the same time.
///
/// # Errors
/// All that failed, in one, each with its machine's name.
pub fn on_all(
    machines: &[&Machine],
    act: impl Fn(&Machine) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    for some in machines.chunks(FOR_EACH_PROCESSOR * processors) {
        side_by_side(some.iter().copied(), |machine| {
            act(machine).with_context(|| machine.name().to_owned())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn results_have_the_order_of_the_items() {
        assert_eq!(
            side_by_side([3, 1, 2], |number| Ok(number * 10)).unwrap(),
            [30, 10, 20]
        );
    }

    #[test]
    fn no_failure_hides_another() {
        let result = side_by_side(["jak", "ziz", "kai"], |name| {
            if name == "ziz" {
                return Ok(());
            }
            bail!("{name} is down")
        });
        assert_eq!(result.unwrap_err().to_string(), "jak is down\nkai is down");
    }
}
