{{/*
The name that every object of the release begins with. At most 52 characters, so that the longest ending
("-namespace") stays below Kubernetes' 63.
*/}}
{{- define "stemhub-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "stemhub-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What the operator may do in a namespace that a platform lives in: the ClusterRole that RoleBindings name. */}}
{{- define "stemhub-operator.namespaceRole" -}}
{{- include "stemhub-operator.fullname" . }}-namespace
{{- end -}}

{{- define "stemhub-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "stemhub-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.create is false: name the account to use in serviceAccount.name" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "stemhub-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "stemhub-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "stemhub-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "stemhub-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: stemhub
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* An image: (dict "root" $ "of" "databaseProxy" "repository" "stemhub-database-proxy") */}}
{{- define "stemhub-operator.image" -}}
{{- $image := .root.Values.image -}}
{{- default (printf "%s/%s:%s" $image.registry .repository $image.tag) (get .root.Values.images .of) -}}
{{- end -}}

{{/* The subject of every binding. */}}
{{- define "stemhub-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "stemhub-operator.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
