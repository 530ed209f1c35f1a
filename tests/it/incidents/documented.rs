//! The commands of the page on status that write incidents, as they stand there.

use axum::http::{Request, StatusCode};

use super::{TOKEN, config, with, write_routes};

/// A command of curl: its URL, headers and body.
#[derive(Debug, Default)]
struct CurlCommand {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Splits a command into words, as a shell does it with quotes.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut inside) = (Vec::new(), String::new(), None, false);
    for c in command.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.push(c),
            None if c == '"' || c == '\'' => (quote, inside) = (Some(c), true),
            None if c.is_whitespace() => {
                if inside {
                    words.push(std::mem::take(&mut word));
                }
                inside = false;
            }
            None => {
                word.push(c);
                inside = true;
            }
        }
    }
    words.extend(inside.then_some(word));
    words
}

/// Returns the page's commands of curl that send something.
fn commands() -> Vec<CurlCommand> {
    let readme = include_str!("../../../docs/status-pages.md");
    let blocks = readme.split("```console\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split_once("\n```"));
    // A command goes on after a backslash and within quotes.
    let text = blocks
        .map(|(block, _)| format!("{block}\n"))
        .collect::<String>();
    let text = text.replace("\\\n", " ");
    let starts = text.match_indices("curl ").map(|(at, _)| at);
    let starts = starts.filter(|at| *at == 0 || text.as_bytes()[at - 1] == b'\n');
    let mut found = Vec::new();
    for start in starts {
        let mut command = CurlCommand::default();
        let mut quote = None;
        let end = text[start..].find(|c: char| {
            match quote {
                Some(open) if c == open => quote = None,
                None if c == '"' || c == '\'' => quote = Some(c),
                _ => {}
            }
            quote.is_none() && (c == '\n' || c == '#')
        });
        let words = words(&text[start..start + end.unwrap()]);
        let mut words = words.into_iter().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "-H" => {
                    let header = words.next().unwrap();
                    let (name, value) = header.split_once(": ").unwrap();
                    command.headers.push((name.into(), value.into()));
                }
                "-d" => command.body = words.next().unwrap(),
                url => {
                    let path = url.strip_prefix("http://api:8080").map(str::to_owned);
                    command.path = path.unwrap_or(command.path);
                }
            }
        }
        found.extend((!command.body.is_empty()).then_some(command));
    }
    found
}

#[tokio::test]
async fn the_commands_of_the_readme_write_what_they_say() {
    let test = with(config());
    let commands = commands();
    assert_eq!(commands.len(), 3, "{commands:?}");
    let mut opened = String::new();
    for command in commands {
        let path = command.path.replace("ID", &opened);
        let mut request = Request::post(&path);
        for (name, value) in &command.headers {
            request = request.header(name, value.replace("$TOKEN", TOKEN));
        }
        // The day after the test's own.
        let body = command.body.replace("$day", "2027-01-16");
        let response = write_routes::send(&test, request.body(body.into()).unwrap()).await;
        assert_eq!(
            response.status,
            StatusCode::CREATED,
            "{path}: {}",
            response.json
        );
        if opened.is_empty() {
            opened = response.json["id"].as_str().unwrap().to_owned();
        }
    }
}
