//! The shortest story that still breaks the same rule.

use crate::run::run;
use crate::stories::{Step, Story};
use crate::weather::{Latency, Trouble};

/// Cuts a story down that breaks `rule`, in at most `tries` runs.
pub(crate) fn shrink(story: &Story, rule: &str, tries: usize) -> Story {
    let breaks = |story: &Story| run(story, false).violation.is_some_and(|violation| violation.rule == rule);
    shrink_by(story, tries, breaks)
}

/// Cuts a story down for as long as it `breaks`: steps first, in ever smaller pieces,
/// then kinds of trouble.
pub(crate) fn shrink_by(story: &Story, tries: usize, breaks: impl Fn(&Story) -> bool) -> Story {
    let mut left = tries;
    let mut breaks = |story: &Story| {
        left = left.saturating_sub(1);
        left > 0 && breaks(story)
    };
    let mut story = story.clone();
    let mut size = story.steps.len().div_ceil(2);
    while size > 0 {
        let mut at = story.steps.len();
        while at > 0 {
            let from = at.saturating_sub(size);
            let steps: Vec<Step> = [&story.steps[..from], &story.steps[at..]].concat();
            let shorter = story.with(steps);
            if breaks(&shorter) {
                story = shorter;
            }
            at = from.min(story.steps.len());
        }
        size /= 2;
    }
    for trouble in Trouble::ALL {
        if story.weather.chances.contains_key(&trouble) {
            let calmer = Story { weather: story.weather.without(trouble), ..story.clone() };
            if breaks(&calmer) {
                story = calmer;
            }
        }
    }
    for latency in [Latency::None, Latency::Short] {
        let mut calmer = story.clone();
        calmer.weather.latency = latency;
        if calmer.weather.latency != story.weather.latency && breaks(&calmer) {
            return calmer;
        }
    }
    story
}
