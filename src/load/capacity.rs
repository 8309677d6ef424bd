//! How many members hold: raises their number until quality breaks, then closes in on the last that held.
//!
//! Whoever is there stays while others come at the join rate. That rate is a crowd's, so that a search takes minutes and no hours,
//! and a crowd into one room waits for key frames, which no publisher makes for each of them: its first pictures are told,
//! not judged. Judged are those of newcomers that come one by one while the number is measured, each in another's place,
//! and everybody's gaps, losses and layers meanwhile: a server that gives up upper layers keeps its calls going, but not as
//! they were.

use std::time::Duration;

use super::LoadError;
use super::director::Director;
use super::options::Options;
use super::progress::Progress;
use super::report::{Capacity, Report, Step};
use crate::access::Access;

/// Each step has so much more than the one before, until one breaks.
const GROWTH: f64 = 1.5;
/// The search ends when what holds and what breaks are this close.
const CLOSE: f64 = 1.05;
/// Members a second that leave and are replaced meanwhile: more than a second apart, as key frames are that the server asks
/// for.
const NEWCOMERS: f64 = 0.8;
/// Between a step's joins and its measuring.
const SETTLE: Duration = Duration::from_secs(2);
/// The topmost layer may be seen for so much less of the time than in the first step: estimates of newcomers grow for some
/// seconds. Where there are fewer members than then, newcomers are more of them, and nothing is compared.
const GIVEN_UP: f64 = 0.1;

/// See the module. The report is of the last step that held; of the first one when none did.
pub(super) async fn find(options: &Options, access: &Access, bar: &Progress) -> Result<Report, LoadError> {
    let mut shape = options.shape()?;
    let (start, what) = match shape.subscribers {
        0 => (shape.publishers, "members"),
        subscribers => (subscribers, "subscribers"),
    };
    shape.churn = NEWCOMERS;
    let mut director = Director::new(options, shape, access, bar).await?;
    let (mut held, mut broke): (Option<(usize, Report)>, Option<usize>) = (None, None);
    let mut steps: Vec<Step> = Vec::new();
    let mut next = start;
    let (mut worst, mut top_before) = (None, None);
    loop {
        let (step, report) = try_step(&mut director, options, next, top_before, steps.is_empty()).await?;
        top_before = top_before.or(report.top_share().map(|share| (share, next)));
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
        if !fits {
            // Back to what held: whoever came in a crowd that was too large has seen too much of it.
            director.resize(low);
            director.shrink();
            tokio::time::sleep(SETTLE).await;
        }
    }
    director.leave().await;
    let count = held.as_ref().map_or(0, |(count, _)| *count);
    let report = held.map(|(_, report)| report).or(worst);
    let mut report = report.ok_or_else(|| LoadError::Options("nothing was measured".to_owned()))?;
    report.capacity = Some(Capacity { held: count, what: what.to_owned(), steps });
    Ok(report)
}

/// Lets in whoever is missing, and measures them and all the others. `top_before`: how much of the time the topmost layer
/// was seen in the first step, and by how many. In the first step, the first refusal ends it.
async fn try_step(
    director: &mut Director<'_>,
    options: &Options,
    count: usize,
    top_before: Option<(f64, usize)>,
    is_first: bool,
) -> Result<(Step, Report), LoadError> {
    director.resize(count);
    director.begin();
    director.fill(is_first).await?;
    director.settle(SETTLE).await?;
    let first = director.collect().await?;
    let measured = director.measure(Duration::from_secs(options.duration)).await?;
    let mut report = director.report(first, measured);
    if let (Some((before, few)), Some(now)) = (top_before, report.top_share())
        && count > few
        && now < before - GIVEN_UP
    {
        let (before, now) = (before * 100.0, now * 100.0);
        report.blame(format!("the topmost layer {now:.0} % of the time, {before:.0} % with {few}"));
    }
    let step = Step {
        count,
        held: report.quality.held,
        problems: report.quality.problems.clone(),
        forwarded: report.received.per_second,
        first_frame: report.first_frame,
        newcomers: report.newcomers,
    };
    Ok((step, report))
}
