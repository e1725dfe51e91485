"""Putting midrank into pods: by a filter over manifests, or by a webhook while a cluster creates them.

reviews, manifests     what comes in: AdmissionReviews (over `server`, `certificates`), manifests
injector               decides about one pod, and tries a patch before it is given away
options, settings      what a pod asks for, and what the cluster says about that
pods                   which pods can have a sidecar
edits, sidecar         the patch, and what it puts in
pod_checks             what API servers refuse though schemas allow it; `pod_security`: what namespaces refuse
"""
