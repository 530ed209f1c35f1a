//! From the families to their lines.

use super::family::{Families, Family, Samples, Source};
use super::series::{Output, SeriesOf};
use super::writer::Writer;
use super::{Report, otel, registry};

/// Writes families, one after another.
#[derive(Debug)]
pub(super) struct Rendering<'o> {
    output: Output<'o>,
    scope_labels: bool,
}

impl<'o> Rendering<'o> {
    pub(super) fn new(writer: Writer<'o>, report: Report, scope_labels: bool) -> Rendering<'o> {
        Rendering {
            output: Output::new(writer, report),
            scope_labels,
        }
    }

    /// Writes a family, or nothing at all if none of its series can be exposed.
    pub(super) fn family(&mut self, family: &Family<'_>, families: &Families<'_>) {
        let start = self.output.writer.position();
        self.output.writer.header(family, families);
        let body = self.output.writer.position();
        self.output.begin_family();
        for source in &family.sources {
            self.source(family, source);
        }
        if self.output.writer.position() == body {
            self.output.writer.rewind(start);
        }
    }

    pub(super) fn finish(self) -> Report {
        self.output.writer.finish();
        self.output.report
    }

    fn source(&mut self, family: &Family<'_>, source: &Source<'_>) {
        let mut series = SeriesOf {
            output: &mut self.output,
            name: &family.name,
            source,
        };
        match source.samples {
            Samples::Resource(resource) => otel::render_resource(&mut series, resource),
            Samples::Otel(scope, metric, exemplars) => {
                let scope = self.scope_labels.then_some(scope);
                otel::render_metric(&mut series, scope, metric, exemplars);
            }
            Samples::Registry(metrics) => registry::render(&mut series, family.kind, metrics),
        }
    }
}
