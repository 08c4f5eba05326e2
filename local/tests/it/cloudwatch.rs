//! As much of CloudWatch as replays an alarm of the template: metrics out of what functions
//! logged, metric math, and what an alarm makes of it. By the User Guide's "Using Amazon
//! CloudWatch alarms" and "Using math expressions with CloudWatch metrics".

use std::collections::BTreeMap;
use std::sync::LazyLock;

use latchkey::base::world::Timestamp;
use latchkey_template::{Template, logical_id};
use serde_json::Value;

/// The routes of the template, with the functions that they lead to.
static FUNCTIONS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let routes = Template::of_checkout().routes().into_iter();
    let function = |function: &str| logical_id(function) + "Function";
    routes.map(|route| (format!("{} {}", route.method, route.path), function(&route.function))).collect()
});

/// What was written to metrics.
#[derive(Default)]
pub(crate) struct Metrics(Vec<Point>);

struct Point {
    at: i64,
    metric: (String, String),
    dimensions: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    /// Writes one. What a dimension refers to goes by its name in the template.
    pub(crate) fn put(
        &mut self,
        at: Timestamp,
        metric: (&str, &str),
        dimensions: &[(&str, &str)],
        value: f64,
    ) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let dimensions = dimensions.iter().map(own).collect();
        let metric = (metric.0.to_owned(), metric.1.to_owned());
        self.0.push(Point { at: at.seconds(), metric, dimensions, value });
    }

    /// Takes what functions logged: their counts, and, as API Gateway would have it, each answer.
    pub(crate) fn take(&mut self, at: Timestamp, lines: &[Value]) {
        let mut counts = Vec::new();
        for line in lines {
            if line.get("_aws").is_some() {
                counts.push(line);
            } else if line["message"] == "answered" {
                let function = &FUNCTIONS[line["route"].as_str().unwrap()];
                counts.drain(..).for_each(|count| self.embedded(at, count, function));
                let is_error = line["status"].as_u64().unwrap() >= 500;
                let of_api = |name, value, metrics: &mut Self| {
                    metrics.put(at, ("AWS/ApiGateway", name), &[("ApiId", "Api")], value);
                };
                of_api("Count", 1.0, self);
                of_api("5xx", f64::from(u8::from(is_error)), self);
            }
        }
        assert!(counts.is_empty(), "counted by nobody's request");
    }

    /// A line in the embedded format: a point for each set of dimensions.
    fn embedded(&mut self, at: Timestamp, line: &Value, function: &str) {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let name = directive["Metrics"][0]["Name"].as_str().unwrap();
        for set in directive["Dimensions"].as_array().unwrap() {
            let names = set.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
            let dimensions: Vec<_> = names
                .map(|name| {
                    (name, if name == "FunctionName" { function } else { line[name].as_str().unwrap() })
                })
                .collect();
            let metric = (directive["Namespace"].as_str().unwrap(), name);
            self.put(at, metric, &dimensions, line[name].as_f64().unwrap());
        }
    }

    /// A statistic of what was written from one second up to another; `None` of nothing.
    fn statistic(&self, metric: &Value, statistic: &str, from: i64, to: i64) -> Option<(f64, usize)> {
        let named = [&metric["Namespace"], &metric["MetricName"]];
        let own = |value: &Value| text(value).to_owned();
        let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
        let dimensions: BTreeMap<_, _> =
            dimensions.map(|one| (own(&one["Name"]), own(&one["Value"]))).collect();
        let mut values: Vec<_> = self
            .0
            .iter()
            .filter(|point| from < point.at && point.at <= to)
            .filter(|point| [&point.metric.0, &point.metric.1] == named && point.dimensions == dimensions)
            .map(|point| point.value)
            .collect();
        values.sort_by(f64::total_cmp);
        let value = match statistic {
            "Sum" => values.iter().sum(),
            "Maximum" => *values.last()?,
            "p99" => values[(values.len() * 99).div_ceil(100).checked_sub(1)?],
            other => panic!("{other} is no statistic here"),
        };
        (!values.is_empty()).then_some((value, values.len()))
    }
}

/// An alarm of the template, deployed with parameters.
pub(crate) struct Alarm<'a> {
    pub(crate) name: &'a str,
    properties: &'a Value,
    parameters: &'a BTreeMap<String, String>,
}

impl<'a> Alarm<'a> {
    /// All of a template.
    pub(crate) fn all(template: &'a Template, parameters: &'a BTreeMap<String, String>) -> Vec<Self> {
        let alarms = template.resources_of("AWS::CloudWatch::Alarm");
        alarms.map(|(name, properties)| Self { name, properties, parameters }).collect()
    }

    /// Whether it is in alarm then: all its periods breach, and one without data does not.
    pub(crate) fn is_on(&self, metrics: &Metrics, now: i64) -> bool {
        let of = self.properties;
        assert_eq!(of["TreatMissingData"], "notBreaching", "{}", self.name);
        let threshold = self.number(&of["Threshold"]);
        (0..of["EvaluationPeriods"].as_i64().unwrap()).all(|back| {
            let value = if of["Metrics"].is_array() {
                self.math(metrics, now, back)
            } else {
                self.plain(metrics, now, back)
            };
            value.is_some_and(|value| match text(&of["ComparisonOperator"]) {
                "GreaterThanOrEqualToThreshold" => value >= threshold,
                "LessThanThreshold" => value < threshold,
                other => panic!("{other} is no comparison here"),
            })
        })
    }

    fn plain(&self, metrics: &Metrics, now: i64, back: i64) -> Option<f64> {
        let of = self.properties;
        let (from, to) = window(&of["Period"], now, back);
        let percentile = of["ExtendedStatistic"].as_str();
        let (value, samples) =
            metrics.statistic(of, percentile.unwrap_or_else(|| text(&of["Statistic"])), from, to)?;
        // Ten values have to lie above a percentile, or it is of no significance ("Percentile-based
        // alarms and low data samples").
        let is_ignored = percentile == Some("p99")
            && of["EvaluateLowSampleCountPercentile"] == "ignore"
            && samples < 1_000;
        (!is_ignored).then_some(value)
    }

    fn math(&self, metrics: &Metrics, now: i64, back: i64) -> Option<f64> {
        let mut values = BTreeMap::new();
        let mut expression = None;
        for query in self.properties["Metrics"].as_array().unwrap() {
            if query["ReturnData"] == false {
                let of = &query["MetricStat"];
                let (from, to) = window(&of["Period"], now, back);
                let value = metrics.statistic(&of["Metric"], text(&of["Stat"]), from, to);
                values.insert(text(&query["Id"]), value.map(|(value, _)| value));
            } else {
                assert!(expression.replace(text(&query["Expression"])).is_none(), "{}", self.name);
            }
        }
        let substituted =
            self.parameters.iter().fold(expression.unwrap().to_owned(), |text, (name, value)| {
                text.replace(&format!("${{{name}}}"), value)
            });
        Math { left: &substituted, values: &values }.whole()
    }

    /// A number, or the parameter that is referred to.
    fn number(&self, value: &Value) -> f64 {
        value.as_f64().unwrap_or_else(|| self.parameters[text(value)].parse().unwrap())
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// From after one second to another: alarms slide.
fn window(period: &Value, now: i64, back: i64) -> (i64, i64) {
    let period = period.as_i64().unwrap();
    (now - (back + 1) * period, now - back * period)
}

/// Metric math over one period: what is computed of nothing is nothing.
struct Math<'a> {
    left: &'a str,
    values: &'a BTreeMap<&'a str, Option<f64>>,
}

/// From the weakest, longer before those that they begin with.
const OPERATORS: [&[&str]; 5] = [&["||"], &["&&"], &[">=", "<=", ">", "<"], &["+", "-"], &["*", "/"]];

impl Math<'_> {
    fn whole(mut self) -> Option<f64> {
        let value = self.operators(0);
        assert!(self.left.is_empty(), "{} is not understood", self.left);
        value
    }

    fn operators(&mut self, strength: usize) -> Option<f64> {
        let Some(operators) = OPERATORS.get(strength) else { return self.operand() };
        let mut value = self.operators(strength + 1);
        while let Some(operator) = operators.iter().find(|operator| self.eat(operator)) {
            let other = self.operators(strength + 1);
            value = value.zip(other).map(|(one, other)| apply(operator, one, other));
        }
        value
    }

    fn operand(&mut self) -> Option<f64> {
        if self.eat("(") {
            let value = self.operators(0);
            self.expect(")");
            return value;
        }
        let end =
            self.left.find(|c: char| !c.is_alphanumeric() && !"_.".contains(c)).unwrap_or(self.left.len());
        let (word, left) = self.left.split_at(end);
        self.left = left.trim_start();
        match word {
            "IF" => {
                let [condition, then, otherwise] = self.arguments();
                if condition? == 0.0 { otherwise } else { then }
            }
            "FILL" => {
                let [value, filling] = self.arguments();
                value.or(filling)
            }
            "SUM" => {
                self.expect("(METRICS())");
                self.values.values().flatten().copied().reduce(|one, other| one + other)
            }
            _ => word
                .parse()
                .ok()
                .or_else(|| *self.values.get(word).unwrap_or_else(|| panic!("{word} is no metric"))),
        }
    }

    fn arguments<const N: usize>(&mut self) -> [Option<f64>; N] {
        self.expect("(");
        std::array::from_fn(|n| {
            let value = self.operators(0);
            self.expect(if n + 1 < N { "," } else { ")" });
            value
        })
    }

    fn eat(&mut self, token: &str) -> bool {
        let left = self.left.strip_prefix(token).map(str::trim_start);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    fn expect(&mut self, token: &str) {
        assert!(self.eat(token), "{token} is missing before {}", self.left);
    }
}

fn apply(operator: &str, one: f64, other: f64) -> f64 {
    let truth = |is: bool| f64::from(u8::from(is));
    match operator {
        "||" => truth(one != 0.0 || other != 0.0),
        "&&" => truth(one != 0.0 && other != 0.0),
        ">=" => truth(one >= other),
        "<=" => truth(one <= other),
        ">" => truth(one > other),
        "<" => truth(one < other),
        "+" => one + other,
        "-" => one - other,
        "*" => one * other,
        _ => one / other,
    }
}
