//! `GET /status/slo`: the objectives of this process as a page, or as JSON.

use std::sync::{Arc, Weak};

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::super::document::{HttpDocument, MediaType};
use super::super::document_cache::{DocumentCache, DocumentSource};
use super::super::query_string::QueryString;
use super::super::request_base::RequestTarget;
use super::{split_json_suffix, wants_refresh};
use crate::background::Supervisor;
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::slo::report::SloReport;
use crate::model::snapshot::slo::LatestSloReport;
use crate::serve::link_base::LinkBase;
use crate::serve::pages::{SloPageOptions, render_served_slo};

/// The most forms of the page: JSON, and HTML at each depth of the path that it is asked by, with and without a
/// refresh.
const MAX_DOCUMENTS: usize = 16;

/// The state of the page's route.
#[derive(Debug)]
pub(crate) struct SloPageRoutes {
    /// The configured base of links; otherwise it is that of each request.
    base: Option<LinkBase>,
    documents: DocumentCache<SloPageSettings>,
}

/// The report that the page shows, and what is shown beside it.
#[derive(Clone, Debug)]
pub(crate) struct SloPageSettings {
    pub(crate) latest: LatestSloReport,
    /// The policy whose thresholds are drawn.
    pub(crate) policy: BurnRatePolicy,
    /// The name of the service.
    pub(crate) brand: String,
    /// True if there are public pages beside it.
    pub(crate) public: bool,
}

/// Names a form of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve::routes) struct SloPageKey {
    is_json: bool,
    auto_refresh: bool,
    links: LinkBase,
}

impl SloPageRoutes {
    pub(crate) fn new(
        settings: SloPageSettings,
        base: Option<LinkBase>,
        supervisor: Supervisor,
    ) -> Self {
        let documents = DocumentCache::new(settings, MAX_DOCUMENTS, supervisor);
        Self { base, documents }
    }

    #[cfg(test)]
    pub(super) fn document_count(&self) -> usize {
        self.documents.len()
    }

    fn key(&self, target: RequestTarget<'_>) -> SloPageKey {
        let path = target.uri.path();
        let (_, is_json) = split_json_suffix(path, target.headers);
        let links = match &self.base {
            // JSON has no links and does not refresh itself.
            _ if is_json => LinkBase::default(),
            Some(base) => base.clone(),
            None => target.link_base().relative_to(path),
        };
        SloPageKey {
            is_json,
            auto_refresh: !is_json && wants_refresh(&QueryString::parse(target.uri)),
            links,
        }
    }
}

impl DocumentSource for SloPageSettings {
    type Key = SloPageKey;
    type State = Option<Arc<SloReport>>;
    type Revision = Weak<SloReport>;
    type Document = HttpDocument;

    fn read(&self) -> (Weak<SloReport>, Self::State) {
        let report = self.latest.read();
        let revision = report.as_ref().map(Arc::downgrade);
        (revision.unwrap_or_default(), report)
    }

    fn is_current(&self, revision: &Weak<SloReport>) -> bool {
        self.read().0.ptr_eq(revision)
    }

    fn render(&self, key: &SloPageKey, report: Self::State) -> HttpDocument {
        let Some(report) = report else {
            let text = "the objectives have not been evaluated yet\n";
            return HttpDocument::new(MediaType::Text, text.into()).unavailable(10);
        };
        if key.is_json {
            return HttpDocument::new(MediaType::Json, report.to_json());
        }
        let options = SloPageOptions {
            base: &key.links,
            brand: &self.brand,
            public: self.public,
            auto_refresh: key.auto_refresh,
        };
        let html = render_served_slo(&report, &self.policy, options);
        HttpDocument::new(MediaType::Html, html)
    }
}

pub(in crate::serve::routes) async fn respond(
    State(routes): State<Arc<SloPageRoutes>>,
    uri: Uri,
    OriginalUri(original): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let target = RequestTarget {
        uri: &uri,
        original: &original,
        headers: &headers,
    };
    match routes.documents.get(routes.key(target)).await {
        Ok(document) => document.respond(&headers, ""),
        Err(error) => error.to_response(),
    }
}
