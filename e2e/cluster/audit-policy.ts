/**
 * Writes only: what an operator changes is what tests count, and reads would be a hundred times as many lines.
 * Leases of nodes are left out for the same reason.
 */
export const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, userGroups: ["system:nodes"]}
- {level: Metadata, verbs: [create, update, patch, delete, deletecollection]}
- {level: None}
`;
