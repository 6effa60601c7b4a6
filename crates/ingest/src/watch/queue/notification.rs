//! What a message of the queue says: S3's own notifications, those that came by way of SNS,
//! and those of EventBridge.

use serde_json::Value;

/// An object of which a message tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notified {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) is_removed: bool,
}

/// The objects of which a message tells; `None` if it is no notification of a bucket.
pub(super) fn objects(message: &str) -> Option<Vec<Notified>> {
    let message: Value = serde_json::from_str(message).ok()?;
    // SNS wraps the text of a notification, unless it is told to deliver it raw.
    match message["Message"].as_str() {
        Some(inside) if message["Type"] == "Notification" => {
            plain(&serde_json::from_str(inside).ok()?)
        }
        _ => plain(&message),
    }
}

fn plain(message: &Value) -> Option<Vec<Notified>> {
    // S3 sends it when notifications are set up.
    if message["Event"] == "s3:TestEvent" {
        return Some(Vec::new());
    }
    if let Some(records) = message["Records"].as_array() {
        return records.iter().map(of_bucket).collect();
    }
    let event = message["detail-type"].as_str()?;
    let of = &message["detail"];
    Some(vec![Notified {
        bucket: of["bucket"]["name"].as_str()?.to_owned(),
        key: of["object"]["key"].as_str()?.to_owned(),
        is_removed: event.starts_with("Object Deleted"),
    }])
}

fn of_bucket(record: &Value) -> Option<Notified> {
    let key = record["s3"]["object"]["key"].as_str()?;
    // The key is written as a form writes a value.
    let form = format!("={key}");
    let (_, key) = url::form_urlencoded::parse(form.as_bytes()).next()?;
    Some(Notified {
        bucket: record["s3"]["bucket"]["name"].as_str()?.to_owned(),
        key: key.into_owned(),
        is_removed: record["eventName"].as_str()?.contains("Removed"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_as_aws_writes_them() {
        let record = |event: &str, key: &str| {
            json!({"eventSource": "aws:s3", "eventName": event,
                   "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 9}}})
        };
        let found = |key: &str, is_removed| Notified {
            bucket: "b".to_owned(),
            key: key.to_owned(),
            is_removed,
        };
        let created = json!({"Records": [record("ObjectCreated:Put", "a/dt%3D2024/x+y%2Bz")]});
        let by_topic = json!({"Type": "Notification", "Message": created.to_string()});
        let by_bridge = json!({"detail-type": "Object Created",
            "detail": {"bucket": {"name": "b"}, "object": {"key": "a/x+y"}}});
        let both = json!({"Records": [
            record("ObjectCreated:CompleteMultipartUpload", "a=b"),
            record("ObjectRemoved:Delete", "c"),
        ]});
        for (message, expected) in [
            (
                created.to_string(),
                Some(vec![found("a/dt=2024/x y+z", false)]),
            ),
            (
                by_topic.to_string(),
                Some(vec![found("a/dt=2024/x y+z", false)]),
            ),
            (by_bridge.to_string(), Some(vec![found("a/x+y", false)])),
            (
                both.to_string(),
                Some(vec![found("a=b", false), found("c", true)]),
            ),
            (
                json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}).to_string(),
                Some(Vec::new()),
            ),
            ("{}".to_owned(), None),
            ("[1]".to_owned(), None),
            ("hello".to_owned(), None),
            (json!({"Records": [{"s3": 1}]}).to_string(), None),
            (
                json!({"Type": "Notification", "Message": 1}).to_string(),
                None,
            ),
        ] {
            assert_eq!(objects(&message), expected, "{message}");
        }
    }
}
