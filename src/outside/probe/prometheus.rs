//! A probe that is an instant query: <https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries>.
//!
//! One number or nothing: no series, several, a warning that some data may be missing, NaN are each no answer.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use super::MAX_ANSWER;
use crate::core::runbook::{PrometheusProbe, Reading, Values};
use crate::core::words::quoted;
use crate::outside::http::{ExchangeLimits, get, place};

/// One sample, or why there is none.
pub(super) async fn once(probe: &PrometheusProbe, values: &Values<'_>, timeout: Duration) -> Result<Reading, String> {
    let (base, query) = (probe.url.with(values)?, probe.query.with(values)?);
    // The server gives up when we do.
    let given = timeout.as_millis().max(1);
    let query = utf8_percent_encode(&query, NON_ALPHANUMERIC);
    let url = format!("{}/api/v1/query?timeout={given}ms&query={query}", base.trim_end_matches('/'));
    let answer = get(&url, ExchangeLimits { timeout, max_bytes: MAX_ANSWER }).await.map_err(|error| error.to_string())?;
    let value = number(answer.status, &answer.body).map_err(|why| format!("{}: {why}", place(&url)))?;
    Ok(Reading::Prometheus { samples: vec![value] })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryAnswer {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error: String,
    /// Such as data that a store behind the server did not deliver. What it calls `infos` is advice on the query.
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

/// The one number of an answer, or why there is none.
fn number(status: u16, body: &[u8]) -> Result<f64, String> {
    let Ok(QueryAnswer { status: said, data, error_type, error, warnings }) = serde_json::from_slice(body) else {
        return Err(format!("the answer (status {status}) is not a Prometheus server's"));
    };
    if said != "success" || !(200..300).contains(&status) {
        return Err(format!("the query failed (status {status}, {}): {}", quoted(&error_type), quoted(&error)));
    }
    if let Some(warning) = warnings.first() {
        return Err(format!("the answer may be incomplete, the server warns: {}", quoted(warning)));
    }
    let Some(Data { result_type, result }) = data else { return Err("the answer has no data".to_owned()) };
    let sample = match (result_type.as_str(), &result) {
        ("scalar", sample) => sample,
        ("vector", Value::Array(series)) => match &series[..] {
            [] => return Err("the query gives no series".to_owned()),
            [one] if !one["histogram"].is_null() => return Err("the query gives a histogram, where a number is needed".to_owned()),
            [one] => &one["value"],
            many => {
                let many = many.len();
                return Err(format!("the query gives {many} series, where one is needed: aggregate them, as sum() or max() does"));
            }
        },
        (other, _) => return Err(format!("the query gives a {}, where one number is needed", quoted(other))),
    };
    let text = sample[1].as_str().ok_or("the answer has no value")?;
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(format!("the query gives {text}, which is no number to go by: a division by zero, perhaps")),
        Err(_) => Err(format!("the query gives {}, which is no number", quoted(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[track_caller]
    fn check(status: u16, body: &str, expected: Result<f64, &str>) {
        assert_eq!(number(status, body.as_bytes()), expected.map_err(str::to_owned), "{body}");
    }

    #[track_caller]
    fn check_data(result_type: &str, result: &str, expected: Result<f64, &str>) {
        let body = format!(r#"{{"status":"success","data":{{"resultType":"{result_type}","result":{result}}}}}"#);
        check(200, &body, expected);
    }

    #[test]
    fn one_number() {
        check_data("vector", r#"[{"metric":{"job":"a"},"value":[1435781451.781,"0.25"]}]"#, Ok(0.25));
        check_data("vector", r#"[{"metric":{},"value":[1,"1e-05"]}]"#, Ok(0.000_01));
        check_data("scalar", r#"[1435781451.781,"-3"]"#, Ok(-3.0));
        check(200, r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]},"infos":["PromQL info"]}"#, Ok(2.0));
    }

    #[test]
    fn or_why_there_is_none() {
        check_data("vector", "[]", Err("the query gives no series"));
        let two = r#"[{"metric":{"a":"b"},"value":[1,"1"]},{"metric":{"a":"c"},"value":[1,"1"]}]"#;
        check_data("vector", two, Err("the query gives 2 series, where one is needed: aggregate them, as sum() or max() does"));
        for odd in ["NaN", "+Inf", "-Inf"] {
            let expected = format!("the query gives {odd}, which is no number to go by: a division by zero, perhaps");
            check_data("vector", &format!(r#"[{{"metric":{{}},"value":[1,"{odd}"]}}]"#), Err(&expected));
        }
        check_data("scalar", r#"[1,"many"]"#, Err("the query gives \"many\", which is no number"));
        check_data("scalar", "[1]", Err("the answer has no value"));
        check_data("scalar", "{}", Err("the answer has no value"));
        check_data("vector", r#"[{"metric":{}}]"#, Err("the answer has no value"));
        let histogram = r#"[{"metric":{},"histogram":[1,{"count":"1"}]}]"#;
        check_data("vector", histogram, Err("the query gives a histogram, where a number is needed"));
        check_data("matrix", "[]", Err("the query gives a \"matrix\", where one number is needed"));
        check_data("vector", "{}", Err("the query gives a \"vector\", where one number is needed"));
        check_data("string", r#"[1,"1"]"#, Err("the query gives a \"string\", where one number is needed"));
        check(
            400,
            r#"{"status":"error","errorType":"bad_data","error":"1:4: parse error: \u001b[31m"}"#,
            Err("the query failed (status 400, \"bad_data\"): \"1:4: parse error: \\u{1b}[31m\""),
        );
        check(503, r#"{"status":"success"}"#, Err("the query failed (status 503, \"\"): \"\""));
        check(200, r#"{"status":"success"}"#, Err("the answer has no data"));
        check(
            200,
            r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]},"warnings":["no store for b"]}"#,
            Err("the answer may be incomplete, the server warns: \"no store for b\""),
        );
        check(502, "<html>Bad Gateway</html>", Err("the answer (status 502) is not a Prometheus server's"));
        check(302, "", Err("the answer (status 302) is not a Prometheus server's"));
        check(200, "[]", Err("the answer (status 200) is not a Prometheus server's"));
    }
}
