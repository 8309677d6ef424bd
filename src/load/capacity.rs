//! How many members hold: raises their number until quality breaks, then closes in on the last that held.

use std::time::Duration;

use super::LoadError;
use super::director::Director;
use super::options::Options;
use super::progress::Progress;
use super::report::{Capacity, Report, Step};

/// Each step has so much more than the one before, until one breaks.
const GROWTH: f64 = 1.5;
/// The search ends when what holds and what breaks are this close.
const CLOSE: f64 = 1.05;
/// Between a step's joins and its measuring.
const SETTLE: Duration = Duration::from_secs(2);

/// See the module. The report is of the last step that held; of the first one when none did.
pub(super) async fn find(options: &Options, bar: &Progress) -> Result<Report, LoadError> {
    let mut shape = options.shape()?;
    let scales_watchers = shape.subscribers > 0;
    let start = if scales_watchers { shape.subscribers } else { shape.publishers };
    shape.churn = 0.0;
    let mut director = Director::new(options, shape, bar).await?;
    let (mut held, mut broke): (Option<(usize, Report)>, Option<usize>) = (None, None);
    let mut steps: Vec<Step> = Vec::new();
    let mut next = start;
    let mut worst = None;
    loop {
        match scales_watchers {
            true => director.shape.subscribers = next,
            false => director.shape.publishers = next,
        }
        let (step, report) = try_step(&mut director, options, next).await?;
        bar.note(&step.text());
        let fits = step.held;
        steps.push(step);
        if fits {
            held = Some((next, report));
        } else {
            broke = Some(next);
            worst = Some(report);
        }
        let low = held.as_ref().map_or(0, |(count, _)| *count);
        next = match broke {
            None => (low as f64 * GROWTH).ceil() as usize,
            Some(high) if high as f64 <= low as f64 * CLOSE || high <= low + 1 => break,
            Some(high) => low + (high - low) / 2,
        };
    }
    director.leave().await;
    let count = held.as_ref().map_or(0, |(count, _)| *count);
    let report = held.map(|(_, report)| report).or(worst);
    let mut report = report.ok_or_else(|| LoadError::Options("nothing was measured".to_owned()))?;
    let what = if scales_watchers { "subscribers" } else { "members" };
    report.capacity = Some(Capacity { held: count, what: what.to_owned(), steps });
    Ok(report)
}

async fn try_step(director: &mut Director<'_>, options: &Options, count: usize) -> Result<(Step, Report), LoadError> {
    director.begin();
    director.failed.clear();
    director.shrink();
    director.fill(director.members() == 0).await?;
    director.settle(SETTLE).await?;
    let first = director.collect().await?;
    let measured = director.measure(Duration::from_secs(options.duration)).await?;
    let report = director.report(first, measured);
    let step = Step {
        count,
        held: report.quality.held,
        problems: report.quality.problems.clone(),
        forwarded: report.received.per_second,
    };
    Ok((step, report))
}
