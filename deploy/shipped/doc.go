// Package shipped has the tests of what is shipped beside the binary, with the libraries of those who read it: Helm,
// Kustomize, Kubernetes and Prometheus. It is a module of its own, so that the product needs none of them.
package shipped
