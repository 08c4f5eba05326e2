//! What can be seen of a running function: its log, and its metrics in
//! CloudWatch's embedded format.

use std::fmt;
use std::sync::Arc;

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::base::metrics::TARGET;
use crate::base::world::World;

/// The namespace of the metrics.
const NAMESPACE: &str = "Latchkey";

/// What Lambda's log takes: one JSON object a line, an event or a metric.
/// Events carry the request's identifier, metrics the name of the deployed
/// function, by which those of one stack are told from another's.
pub fn json<S, W>(writer: W, world: Arc<World>, function: Option<String>) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let events =
        tracing_subscriber::fmt::format().json().flatten_event(true).with_span_list(false).without_time();
    tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(Lines { events, world, function })
        .with_writer(writer)
}

/// Events as JSON, counts in CloudWatch's embedded metric format (CloudWatch
/// User Guide, "Specification: Embedded metric format").
struct Lines {
    events: Format<Json, ()>,
    world: Arc<World>,
    function: Option<String>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if event.metadata().target() != TARGET {
            return self.events.format_event(context, writer, event);
        }
        let mut count = Count::default();
        event.record(&mut count);
        let mut dimensions = serde_json::Map::new();
        dimensions.extend(self.function.clone().map(|name| ("FunctionName".to_owned(), name.into())));
        let of_all: Vec<_> = dimensions.keys().cloned().collect();
        dimensions.extend(count.dimension.zip(count.of).map(|(name, of)| (name, of.into())));
        let of_one: Vec<_> = dimensions.keys().cloned().collect();
        let mut sets = vec![of_all, of_one];
        sets.dedup();
        let mut line = json!({
            "_aws": {
                "Timestamp": self.world.now().millis(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": sets,
                    "Metrics": [{ "Name": count.metric, "Unit": "Count" }],
                }],
            },
        });
        line[&count.metric] = count.value.into();
        for (name, value) in dimensions {
            line[name] = value;
        }
        for (name, value) in [("Country", count.country), ("Carrier", count.carrier)] {
            if let Some(value) = value {
                line[name] = value.into();
            }
        }
        writeln!(writer, "{line}")
    }
}

#[derive(Default)]
struct Count {
    metric: String,
    value: u64,
    dimension: Option<String>,
    of: Option<String>,
    country: Option<String>,
    carrier: Option<String>,
}

impl Visit for Count {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "metric" => value.clone_into(&mut self.metric),
            "dimension" => self.dimension = Some(value.to_owned()),
            "of" => self.of = Some(value.to_owned()),
            "country" => self.country = Some(value.to_owned()),
            "carrier" => self.carrier = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_u64(&mut self, _: &Field, value: u64) {
        self.value = value;
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
