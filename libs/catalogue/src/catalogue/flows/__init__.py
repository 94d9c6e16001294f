"""Local flows: data sets whose layout is agreed while the suite runs, in a closed language."""

from catalogue.flows.knowing import CatalogueWithFlows, LocalFlows, Versions
from catalogue.flows.reading import FlowFile, of_canonical, read_flow
from catalogue.flows.rules import FlowRules, example, flow_rules, is_local_flow

__all__ = [
    "CatalogueWithFlows",
    "FlowFile",
    "FlowRules",
    "LocalFlows",
    "Versions",
    "example",
    "flow_rules",
    "is_local_flow",
    "of_canonical",
    "read_flow",
]
